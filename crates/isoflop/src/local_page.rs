//! Pages for a browser on this machine, served while a command runs.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use diagnostic::Diagnostic;

/// Bytes of a request that are read.
const MOST_REQUEST: u64 = 1 << 16;
/// A reader who sends or takes nothing for so long is let go.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is served, and who waits for news.
#[derive(Default)]
struct Served {
    /// By path: the type of its content, and the content.
    pages: BTreeMap<&'static str, (&'static str, String)>,
    waiting: Vec<TcpStream>,
}

/// A few pages at an address, answered by a thread until the program ends.
#[derive(Clone)]
pub(crate) struct LocalPage {
    served: Arc<Mutex<Served>>,
    address: SocketAddr,
}

impl LocalPage {
    /// Listens on `address`, `host:port`; port 0 takes a free one.
    ///
    /// # Errors
    /// If it cannot be listened on.
    pub(crate) fn open(address: &str) -> Result<Self, Diagnostic> {
        let problem = |error: std::io::Error| {
            Diagnostic::error(format!("a page cannot be served on {address}: {error}"))
                .help("take another port, or 0 for a free one")
        };
        let listener = TcpListener::bind(address).map_err(problem)?;
        let page =
            Self { served: Arc::default(), address: listener.local_addr().map_err(problem)? };
        let answers = page.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let page = answers.clone();
                // One that sends nothing must not hold up the others.
                std::thread::spawn(move || {
                    let _ = stream.set_read_timeout(Some(PATIENCE));
                    let _ = stream.set_write_timeout(Some(PATIENCE));
                    // A reader who leaves early misses nothing.
                    let _ = page.respond(stream);
                });
            }
        });
        Ok(page)
    }

    /// Where a browser finds it: `http://host:port/`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Puts `content` at `path`.
    pub(crate) fn put(&self, path: &'static str, kind: &'static str, content: String) {
        self.served().pages.insert(path, (kind, content));
    }

    /// Tells everybody who listens at `/events` that there is something new.
    pub(crate) fn announce(&self) {
        // A reader who left does not answer, and is forgotten.
        self.served().waiting.retain_mut(|reader| {
            reader.write_all(b"data: new\n\n").and_then(|()| reader.flush()).is_ok()
        });
    }

    fn served(&self) -> MutexGuard<'_, Served> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a request that names `host` is meant for this page. On this machine's own address,
    /// another site's script that found the port gets nothing.
    fn is_meant(&self, host: &str) -> bool {
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        !self.address.ip().is_loopback() || ["127.0.0.1", "localhost", "[::1]"].contains(&name)
    }

    fn respond(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut lines = BufReader::new(stream.try_clone()?.take(MOST_REQUEST)).lines();
        let request = lines.next().transpose()?.unwrap_or_default();
        let mut host = String::new();
        for line in lines.by_ref() {
            let line = line?;
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("host")
            {
                value.trim().clone_into(&mut host);
            }
        }
        let mut words = request.split(' ');
        let path = match (words.next(), words.next()) {
            (Some("GET"), Some(path)) if self.is_meant(&host) => path,
            _ => "",
        };
        if path == "/events" {
            stream.write_all(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n\r\n",
            )?;
            stream.flush()?;
            self.served().waiting.push(stream);
            return Ok(());
        }
        let page = self.served().pages.get(path).cloned();
        let Some((kind, content)) = page else {
            return stream.write_all(
                b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            );
        };
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nCache-Control: no-store\r\n\
             X-Content-Type-Options: nosniff\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            content.len()
        )?;
        stream.write_all(content.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(page: &LocalPage, request: &str) -> String {
        let mut stream = TcpStream::connect(page.address).expect("a connection");
        stream.write_all(request.as_bytes()).expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    }

    #[test]
    fn a_page_is_served_to_this_machine_and_to_no_other_sites_script() {
        let page = LocalPage::open("127.0.0.1:0").expect("a page");
        page.put("/", "text/html", "<p>hello".to_owned());
        let answer = ask(&page, "GET / HTTP/1.1\r\nHost: localhost:80\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("\r\n\r\n<p>hello"));
        for request in [
            "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n",
            "GET /other HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "\r\n\r\n",
        ] {
            assert!(ask(&page, request).starts_with("HTTP/1.1 404"), "{request}");
        }
        let problem = LocalPage::open("127.0.0.1:99999").err().expect("no such port");
        assert!(problem.to_string().contains("another port"), "{problem}");
    }
}

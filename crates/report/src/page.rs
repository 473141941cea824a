//! The document as one HTML file that needs nothing else.

mod body;

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use diagnostic::Diagnostic;
use sha2::{Digest as _, Sha256};

use crate::document::{Block, Document};
use crate::library;
use crate::markdown::escaped;

/// Rows of a figure's frame on the page; a larger one is sampled, and says so.
pub(crate) const MOST_ROWS: usize = 2_000;

/// How a page is made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageOptions {
    /// Address of server-sent events, `http://127.0.0.1:PORT/PATH`: the page loads itself anew at
    /// each. Without it the page asks nobody for anything.
    pub reload: Option<String>,
}

impl Document {
    /// The document as HTML: self-contained, live, for screens of any width and for paper.
    ///
    /// Nothing in it is loaded from elsewhere, and its content security policy forbids that; scripts
    /// run only if their hashes are listed in the page's head.
    ///
    /// ```
    /// let page = report::Document::new("What would 1e24 FLOP buy?").to_html(&Default::default())?;
    /// assert!(page.starts_with("<!doctype html>"));
    /// # Ok::<(), diagnostic::Diagnostic>(())
    /// ```
    pub fn to_html(&self, options: &PageOptions) -> Result<String, Diagnostic> {
        self.check()?;
        if let Some(address) = &options.reload
            && !address.chars().all(|c| c.is_ascii_alphanumeric() || ":/.-_[]".contains(c))
        {
            return Err(Diagnostic::error(format!("`{address}` is no address of events")));
        }
        let sampled = self.sampled();
        let written = body::write(&sampled);
        let payload = serde_json::json!({
            "document": sampled, "numbers": written.numbers, "choices": written.choices,
        });
        let programs = self.programs_script();
        let reload = options.reload.as_ref().map_or_else(String::new, |address| {
            format!("new EventSource(\"{address}\").onmessage = () => location.reload();\n")
        });
        let script = format!(
            "(() => {{\n\"use strict\";\n{}{}{}{reload}}})();\n",
            library::DRAWING,
            library::LIVE,
            library::PAGE
        );
        let plotting = library::unpacked();
        let connect = options.reload.as_ref().map_or_else(String::new, |address| {
            let origin = address.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
            format!(" connect-src {origin};")
        });
        let policy = format!(
            "default-src 'none'; script-src '{}' '{}' '{}'; style-src 'unsafe-inline'; \
             img-src data: blob:;{connect} base-uri 'none'; form-action 'none'",
            hash(&programs),
            hash(&script),
            hash(&plotting)
        );
        let title = escaped(&self.title);
        Ok(format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <meta name=\"referrer\" content=\"no-referrer\">\n\
             <title>{title}</title>\n<style>\n{}</style>\n</head>\n{}\
             <script type=\"text/plain\" id=\"library\">{}</script>\n\
             <script type=\"text/plain\" id=\"data\">{}</script>\n\
             <script>{programs}</script>\n<script>{script}</script>\n</body>\n</html>\n",
            library::STYLE,
            written.html,
            BASE64.encode(library::PACKED),
            BASE64.encode(packed(payload.to_string().as_bytes())),
        ))
    }

    /// The document with the rows that a page can show.
    fn sampled(&self) -> Self {
        let mut document = self.clone();
        for block in document.sections.iter_mut().flat_map(|section| &mut section.blocks) {
            if let Block::Figure(figure) = block {
                for frame in &mut figure.frames {
                    // Rows that a program computes cannot be thinned out here.
                    if frame.columns.iter().all(|column| column.live.is_empty()) {
                        *frame = std::mem::take(frame).sample(MOST_ROWS);
                    }
                }
            }
        }
        if let Some(live) = &mut document.live {
            for program in &mut live.programs {
                // It stands in a script of its own.
                program.javascript = String::new();
            }
        }
        document
    }

    fn programs_script(&self) -> String {
        let programs = self.live.iter().flat_map(|live| &live.programs);
        let functions: Vec<&str> = programs.map(|program| program.javascript.as_str()).collect();
        format!("window.isoflopPrograms = [\n{}\n];\n", functions.join(",\n"))
    }
}

/// The hash of a script as a content security policy names it.
fn hash(script: &str) -> String {
    format!("sha256-{}", BASE64.encode(Sha256::digest(script.as_bytes())))
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    // Writing to memory does not fail.
    let _ = packed.write_all(bytes);
    packed.finish().unwrap_or_default()
}

#[cfg(test)]
mod tests;

//! The prompt of `isoflop eval`: definitions persist, history and completion.

use std::cell::RefCell;
use std::io::Write;
use std::path::PathBuf;
use std::rc::Rc;

use diagnostic::Diagnostic;
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::Validator;
use rustyline::{Config, Context, Editor, Helper};

use super::definitions::Definitions;
use super::words::{COMMANDS, LANGUAGE, UNITS};
use super::{EvalArgs, answer, is_bare};
use crate::commands::Outcome;
use crate::terminal_plot;
use crate::text::{complain, say};

const HELP: &str = "\
  ln(1000)/(20x/yr - 5x/yr)        an expression: its value
  gap = 300 to 3000                a definition; defining it again replaces it
  ln(gap)/(8x/yr to 40x/yr) in mo  uncertain, in a unit
  f(x) = x^2 + 1                   a function of one line
  unit H100e = 1.979e15 FLOP/s     a unit

  :names  what is defined     :quit or Ctrl-D  leave     Tab  completes     Ctrl-C  clears the line
";

/// Reads, evaluates and prints until the end.
pub(super) fn run(args: &EvalArgs, out: &mut dyn Write) -> Result<Outcome, Diagnostic> {
    let cannot = |problem: ReadlineError| {
        Diagnostic::error(format!("cannot read from the terminal: {problem}"))
            .help("pipe the definitions in, or name them with `--file`")
    };
    let names = Rc::new(RefCell::new(Vec::new()));
    let config = Config::builder().auto_add_history(true).build();
    let mut editor: Editor<Words, FileHistory> = Editor::with_config(config).map_err(cannot)?;
    editor.set_helper(Some(Words { names: Rc::clone(&names) }));
    let history = history_file();
    if let Some(path) = &history {
        // A first session has no history; one that cannot be read is done without.
        let _ = editor.load_history(path);
    }
    say(out, "Expressions and definitions; :help says more, Ctrl-D leaves.\n")?;
    let mut session = Session { args: args.clone(), definitions: Definitions::default() };
    loop {
        match editor.readline("> ") {
            Ok(line) => match session.reply(&line) {
                Ok(Reply::Say(text)) => say(out, &text)?,
                Ok(Reply::Leave) => break,
                Err(problem) => complain(&problem),
            },
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => break,
            Err(problem) => return Err(cannot(problem)),
        }
        *names.borrow_mut() = session.definitions.names().map(str::to_owned).collect();
    }
    if let Some(path) = history {
        let folder = path.parent().map(std::fs::create_dir_all);
        let saved = editor.save_history(&path);
        if !matches!(folder, Some(Ok(()))) || saved.is_err() {
            complain(&Diagnostic::warning(format!("no history was kept in {}", path.display())));
        }
    }
    Ok(Outcome::Done)
}

/// What is kept from line to line.
struct Session {
    args: EvalArgs,
    definitions: Definitions,
}

enum Reply {
    Say(String),
    Leave,
}

impl Session {
    /// The answer to one line. After an error everything is as it was before.
    fn reply(&mut self, line: &str) -> Result<Reply, Diagnostic> {
        let line = line.trim();
        match line {
            "" => return Ok(Reply::Say(String::new())),
            ":quit" | ":q" | ":exit" => return Ok(Reply::Leave),
            ":help" | ":h" | "?" => return Ok(Reply::Say(HELP.to_owned())),
            ":names" => return Ok(Reply::Say(self.list())),
            command if command.starts_with(':') => {
                let problem = Diagnostic::error(format!("there is no command `{command}`"));
                return Err(problem.help("the commands are :help, :names and :quit"));
            }
            _ => {}
        }
        // On trial first, to learn its names: what they named before gives way.
        let names = self.definitions.clone().add("<prompt>", line)?;
        let mut grown = self.definitions.without(&names)?;
        let names = grown.add("<prompt>", line)?;
        let sound = grown.check()?;
        let values = sound.checked.names();
        let (bare, defined): (Vec<String>, Vec<String>) =
            names.into_iter().partition(|name| is_bare(name));
        let asked = if bare.is_empty() { &defined } else { &bare };
        let asked: Vec<String> =
            asked.iter().filter(|name| values.contains(&name.as_str())).cloned().collect();
        let text = if asked.is_empty() {
            String::new()
        } else {
            answer(&self.args, &sound, &asked, terminal_plot::width())?
        };
        // A line of bare expressions is answered and forgotten.
        if bare.is_empty() || !defined.is_empty() {
            self.definitions = grown;
        }
        Ok(Reply::Say(text))
    }

    fn list(&self) -> String {
        let names: Vec<&str> = self.definitions.names().filter(|name| !is_bare(name)).collect();
        if names.is_empty() { "nothing is defined yet\n".into() } else { names.join("  ") + "\n" }
    }
}

/// Completes commands, names, functions and units.
struct Words {
    names: Rc<RefCell<Vec<String>>>,
}

impl Helper for Words {}
impl Highlighter for Words {}
impl Validator for Words {}
impl Hinter for Words {
    type Hint = String;
}

impl Completer for Words {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        at: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(completions(line, at, &self.names.borrow()))
    }
}

/// Where the word before `at` begins, and what it could become.
fn completions(line: &str, at: usize, names: &[String]) -> (usize, Vec<String>) {
    let before = line.get(..at).unwrap_or(line);
    let part = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let start = before
        .rfind(|c| !part(c))
        .map_or(0, |space| space + before[space..].chars().next().map_or(1, char::len_utf8));
    // Digits that touch a word are a number before its unit: `8GW`.
    let word = before[start..].trim_start_matches(|c: char| c.is_ascii_digit());
    let start = before.len() - word.len();
    if word.is_empty() {
        return (start, Vec::new());
    }
    let known = names.iter().map(String::as_str);
    let all = known.chain(COMMANDS).chain(LANGUAGE).chain(UNITS);
    let mut found: Vec<String> =
        all.filter(|name| name.starts_with(word)).map(str::to_owned).collect();
    found.sort();
    found.dedup();
    (start, found)
}

/// The history's place: the user's state folder, or what stands for it on the system.
fn history_file() -> Option<PathBuf> {
    let folder = |variable: &str, below: &str| {
        let folder = std::env::var_os(variable).filter(|value| !value.is_empty())?;
        Some(PathBuf::from(folder).join(below).join("isoflop"))
    };
    let folder = folder("XDG_STATE_HOME", "")
        .or_else(|| folder("LOCALAPPDATA", ""))
        .or_else(|| folder("HOME", ".local/state"))?;
    Some(folder.join("eval-history.txt"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: EvalArgs,
    }

    fn session() -> Session {
        let args = Line::parse_from(["eval"]).args;
        Session { args, definitions: Definitions::default() }
    }

    fn say(session: &mut Session, line: &str) -> String {
        match session.reply(line) {
            Ok(Reply::Say(text)) => text,
            Ok(Reply::Leave) => "leave".to_owned(),
            Err(problem) => problem.to_string(),
        }
    }

    #[test]
    fn definitions_stay_and_are_replaced_and_errors_change_nothing() {
        let mut session = session();
        assert_eq!(say(&mut session, "x = 2 GW"), "2 GW\n");
        assert_eq!(say(&mut session, "y = x * 3 h"), "6 GW h\n");
        assert_eq!(say(&mut session, "x = 4 GW"), "4 GW\n");
        assert_eq!(say(&mut session, "y"), "12 GW h\n");
        assert!(say(&mut session, "x = 3 yr + 1 GW").contains("cannot add"));
        assert!(say(&mut session, "x = x + 1 GW").contains("circle"));
        assert_eq!(say(&mut session, "y + y"), "24 GW h\n");
        assert_eq!(say(&mut session, "f(a) = a^2"), "");
        assert_eq!(say(&mut session, "f(3)"), "9\n");
        assert_eq!(say(&mut session, "unit wafer"), "");
        assert_eq!(say(&mut session, "3 wafer * 2"), "6 wafer\n");
        assert_eq!(say(&mut session, ":names"), "y  x  f\n");
        assert!(say(&mut session, ":nmaes").contains(":names"));
        assert_eq!(say(&mut session, ":quit"), "leave");
    }

    #[test]
    fn the_word_before_the_cursor_is_completed() {
        let names = ["growth".to_owned(), "gap".to_owned()];
        let complete = |line: &str| completions(line, line.len(), &names);
        assert_eq!(complete("1 + g"), (4, vec!["gap".into(), "growth".into()]));
        assert_eq!(complete("ln(gr"), (3, vec!["growth".into()]));
        assert_eq!(complete("8GW"), (1, vec!["GW".into(), "GWh".into()]));
        assert_eq!(complete(":n"), (0, vec![":names".into()]));
        assert_eq!(complete("µ + logn"), ("µ + ".len(), vec!["lognormal".into()]));
        assert!(complete("1 + ").1.is_empty());
        assert!(completions("µ", 1, &names).1.is_empty());
    }
}

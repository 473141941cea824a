//! What people look at: a document of words, numbers, tables and figures as one live page, and
//! its figures as SVG and PNG.
//!
//! This crate computes nothing about training: it lays out what others computed. A document is
//! plain data, and can be written to JSON and read back.
//!
//! ```text
//!  Document
//!   ├ Section ─ Block: Text (the user's Markdown) · Sentence · Numbers · Table · Figure
//!   │                                                  │           │         │      │
//!   ├ Live: sliders, draws, programs ◀── Source ───────┴───────────┴─────────┴──────┘
//!   └ Provenance: command, seeds, hashes                    (program, output, summary)
//! ```
//!
//! ```
//! use report::{Axis, Block, Document, Figure, Frame, Mark, Number, Panel, Sentence};
//!
//! let runs = Frame::new("runs")
//!     .numbers("compute", "FLOP", vec![1e18, 1e19, 1e20])
//!     .numbers("loss", "nat", vec![3.1, 2.7, 2.4]);
//! let figure = Figure::new("frontier", "Loss falls by 0.35 nat for each decade of compute")
//!     .frame(runs)
//!     .panel(
//!         Panel::new(Axis::log("Training compute", "FLOP"), Axis::new("Loss", "nat/token"))
//!             .mark(Mark::points("runs", "compute", "loss").name("runs")),
//!     );
//! let document = Document::new("What would 1e21 FLOP buy?").section(
//!     "Answer",
//!     vec![
//!         Block::Sentence(Sentence::new().text("A loss of ").number(Number::new("loss", 2.1)).text(".")),
//!         Block::Figure(figure),
//!     ],
//! );
//! document.check()?;
//! # Ok::<(), diagnostic::Diagnostic>(())
//! ```

#[cfg(feature = "svg")]
mod artist;
pub mod charts;
mod check;
mod document;
mod figure;
mod format;
mod frame;
mod library;
mod live;
mod mark;
mod markdown;
mod number;
mod page;
#[cfg(feature = "png")]
mod raster;
mod still;
mod table;
mod words;

#[cfg(feature = "svg")]
pub use artist::{Artist, Look};
pub use document::{Block, Document, FORMAT, Provenance, Section};
pub use figure::{Axis, Figure, Panel, Scale};
pub use frame::{Column, Frame, Values, Written};
pub use live::{
    Answer, Check, Checks, Draws, End, Live, LiveProgram, PATH_DRAWS, SWEPT_DRAWS, Slider, Source,
    Summary, Sweep, Swing, Swings,
};
pub use mark::{Hue, Kind, Mark, Stroke};
pub use number::{Interval, Notation, Number};
pub use page::PageOptions;
pub use still::Still;
pub use table::{Cell, Table};
pub use words::{Choice, Phrase, Sentence, Tone};

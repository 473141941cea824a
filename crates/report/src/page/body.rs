//! The visible part of the page. It is complete without scripts, but for figures and sliders.

use std::fmt::Write as _;

use crate::document::{Block, Document};
use crate::figure::Figure;
use crate::library;
use crate::live::{Live, Slider};
use crate::markdown::{escaped, to_html};
use crate::number::Number;
use crate::still::Still;
use crate::table::{Cell, Table};
use crate::words::{Choice, Phrase, Sentence, Tone};

/// The body, and what its live elements show, by the numbers in `data-number` and `data-choice`.
pub(super) struct Body<'a> {
    pub(super) html: String,
    pub(super) numbers: Vec<&'a Number>,
    pub(super) choices: Vec<&'a Choice>,
    sliders: &'a [Slider],
}

pub(super) fn write(document: &Document) -> Body<'_> {
    let live = document.live.as_ref().filter(|live| !live.sliders.is_empty());
    let sliders = live.map_or(&[][..], |live| &live.sliders);
    let mut body = Body { html: String::new(), numbers: vec![], choices: vec![], sliders };
    let layout = if live.is_some() { "with-controls" } else { "plain" };
    body.push(&format!(
        "<body class=\"{layout}\">\n<a class=\"skip\" href=\"#content\">Skip to content</a>\n\
         <header>\n<div class=\"bar\"><span class=\"brand\">Isoflop</span>\
         <button type=\"button\" id=\"theme\">Light / dark</button></div>\n<h1>{}</h1>\n",
        escaped(&document.title)
    ));
    if !document.subtitle.is_empty() {
        body.push(&format!("<p class=\"subtitle\">{}</p>\n", escaped(&document.subtitle)));
    }
    body.push("</header>\n<p id=\"problem\" role=\"alert\" hidden></p>\n<noscript><p class=\"notice\">\
               Figures and sliders need JavaScript; text, numbers and tables are complete.</p></noscript>\n\
               <div class=\"page\">\n<main id=\"content\" tabindex=\"-1\">\n");
    if document.sections.len() > 3 {
        body.contents(document);
    }
    for (number, section) in document.sections.iter().enumerate() {
        let _ = writeln!(body.html, "<section aria-labelledby=\"section-{number}\">");
        let _ =
            writeln!(body.html, "<h2 id=\"section-{number}\">{}</h2>", escaped(&section.heading));
        section.blocks.iter().for_each(|block| body.block(block));
        body.push("</section>\n");
    }
    body.push("</main>\n");
    if let Some(live) = live {
        body.controls(live);
    }
    body.push("</div>\n");
    body.foot(document);
    body
}

impl<'a> Body<'a> {
    fn push(&mut self, html: &str) {
        self.html.push_str(html);
    }

    fn contents(&mut self, document: &Document) {
        self.push("<nav aria-label=\"Contents\"><ul>");
        for (number, section) in document.sections.iter().enumerate() {
            let heading = escaped(&section.heading);
            let _ = write!(self.html, "<li><a href=\"#section-{number}\">{heading}</a></li>");
        }
        self.push("</ul></nav>\n");
    }

    fn block(&mut self, block: &'a Block) {
        match block {
            Block::Text(markdown) => {
                let _ = writeln!(self.html, "<div class=\"text\">{}</div>", to_html(markdown));
            }
            Block::Sentence(sentence) => self.sentence(sentence),
            Block::Numbers(numbers) => {
                self.push("<div class=\"cards\">\n");
                for number in numbers {
                    self.card(number);
                }
                self.push("</div>\n");
            }
            Block::Table(table) => self.table(table),
            Block::Figure(figure) => self.figure(figure),
        }
    }

    fn sentence(&mut self, sentence: &'a Sentence) {
        let _ = write!(self.html, "<p class=\"sentence {}\">", class(sentence.tone));
        self.tone_word(sentence.tone);
        for phrase in &sentence.phrases {
            match phrase {
                Phrase::Text(words) => self.push(&escaped(words)),
                Phrase::Number(number) => {
                    let place = self.live(number);
                    let _ = write!(self.html, "<span class=\"number\"{place}>{}", value(number));
                    if let Some(interval) = &number.interval {
                        let words = number.interval_words(interval);
                        let _ = write!(
                            self.html,
                            "<span class=\"interval\" data-interval=\"brackets\"> ({words})</span>"
                        );
                    }
                    self.push("</span>");
                }
                Phrase::Choice(choice) => {
                    let mut place = String::new();
                    if choice.live.is_some() {
                        self.choices.push(choice);
                        place = format!(" data-choice=\"{}\"", self.choices.len() - 1);
                    }
                    let _ = write!(self.html, "<span{place}>{}</span>", escaped(choice.words()));
                }
            }
        }
        self.still(sentence.still.as_ref(), "span");
        self.push("</p>\n");
    }

    /// Words that show while a slider is moved that would change what stands here.
    fn still(&mut self, still: Option<&Still>, element: &str) {
        let Some(still) = still else { return };
        let reached = self.sliders.iter().enumerate();
        let reached = reached.filter(|(_, slider)| still.sliders.contains(&slider.name));
        let reached: Vec<String> = reached.map(|(number, _)| number.to_string()).collect();
        if reached.is_empty() {
            return;
        }
        let why = if still.why.is_empty() { String::new() } else { format!(": {}", still.why) };
        let _ = write!(
            self.html,
            "<{element} class=\"still\" data-still=\"{}\" hidden> Shown for the study's inputs, not yours{}.</{element}>",
            reached.join(" "),
            escaped(&why)
        );
    }

    fn card(&mut self, number: &'a Number) {
        let (place, label) = (self.live(number), escaped(&number.label));
        let tone = class(number.tone);
        let _ = write!(
            self.html,
            "<div class=\"card {tone}\" data-card{place}><div class=\"label\">{label}</div>\
             <div class=\"value\">{}</div>",
            value(number)
        );
        if let Some(interval) = &number.interval {
            let words = number.interval_words(interval);
            let _ =
                write!(self.html, "<div class=\"interval\" data-interval=\"plain\">{words}</div>");
        }
        if !number.note.is_empty() {
            let _ = write!(self.html, "<div class=\"note\">{}</div>", escaped(&number.note));
        }
        let _ = writeln!(
            self.html,
            "<button type=\"button\" class=\"quiet\" data-copy aria-label=\"Copy {label}\">Copy</button></div>"
        );
    }

    fn table(&mut self, table: &'a Table) {
        let (name, title) = (&table.name, escaped(&table.title));
        let _ = writeln!(self.html, "<div class=\"table\"><h3 id=\"{name}-title\">{title}</h3>");
        self.still(table.still.as_ref(), "p");
        let _ = write!(
            self.html,
            "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-labelledby=\"{name}-title\">\
             <table id=\"{name}\"><thead><tr>"
        );
        for (column, head) in table.head.iter().enumerate() {
            let is_number = |row: &Vec<Cell>| matches!(row.get(column), Some(Cell::Number(_)));
            let align =
                if table.rows.iter().any(is_number) { " class=\"figure-number\"" } else { "" };
            let _ = write!(self.html, "<th scope=\"col\"{align}>{}</th>", escaped(head));
        }
        self.push("</tr></thead><tbody>\n");
        for row in &table.rows {
            self.push("<tr>");
            for (column, cell) in row.iter().enumerate() {
                match cell {
                    Cell::Text(text) if column == 0 => {
                        let _ = write!(self.html, "<th scope=\"row\">{}</th>", escaped(text));
                    }
                    Cell::Text(text) => {
                        let _ = write!(self.html, "<td>{}</td>", escaped(text));
                    }
                    Cell::Number(number) => {
                        let place = self.live(number);
                        let shown = value(number);
                        let _ = write!(self.html, "<td class=\"figure-number\"{place}>{shown}");
                        if let Some(interval) = &number.interval {
                            let words = number.interval_words(interval);
                            let _ = write!(
                                self.html,
                                "<div class=\"interval\" data-interval=\"plain\">{words}</div>"
                            );
                        }
                        self.push("</td>");
                    }
                    Cell::Verdict(tone, word) => {
                        let _ = write!(
                            self.html,
                            "<td><span class=\"verdict {}\">{}</span></td>",
                            class(*tone),
                            escaped(word)
                        );
                    }
                }
            }
            self.push("</tr>\n");
        }
        self.push("</tbody></table></div>\n");
        if !table.note.is_empty() {
            let _ = writeln!(self.html, "<p class=\"source\">{}</p>", escaped(&table.note));
        }
        let _ = writeln!(
            self.html,
            "<p class=\"files\"><button type=\"button\" class=\"quiet\" data-table=\"{name}\" \
             aria-label=\"CSV of {title}\">CSV</button></p></div>"
        );
    }

    fn figure(&mut self, figure: &Figure) {
        let (name, title) = (&figure.name, escaped(&figure.title));
        let _ = write!(
            self.html,
            "<figure id=\"{name}\" aria-labelledby=\"{name}-title\">\n<h3 id=\"{name}-title\">{title}</h3>\n"
        );
        if !figure.subtitle.is_empty() {
            let _ = writeln!(self.html, "<p class=\"caption\">{}</p>", escaped(&figure.subtitle));
        }
        self.still(figure.still.as_ref(), "p");
        let described = escaped(&described(figure));
        let _ = writeln!(
            self.html,
            "<div class=\"chart\" role=\"img\" aria-label=\"{title}. {described}\"></div>"
        );
        for frame in &figure.frames {
            if let Some(all) = frame.sampled_from {
                let note = format!(
                    "{}: {} of {} rows are drawn, evenly spaced.",
                    frame.name,
                    crate::format::number(frame.rows() as f64, crate::Notation::Whole),
                    crate::format::number(all as f64, crate::Notation::Whole)
                );
                let _ = writeln!(self.html, "<p class=\"source\">{}</p>", escaped(&note));
            }
        }
        self.push("<figcaption>");
        if !figure.source.is_empty() {
            let _ =
                write!(self.html, "<p class=\"source\">Source: {}</p>", escaped(&figure.source));
        }
        self.push("<p class=\"files\">");
        for (file, word) in [("csv", "CSV"), ("json", "JSON"), ("svg", "SVG"), ("png", "PNG")] {
            let _ = write!(
                self.html,
                "<button type=\"button\" class=\"quiet\" data-file=\"{file}\" \
                 aria-label=\"{word} of {title}\">{word}</button>"
            );
        }
        self.push("</p><details><summary>Data as a table</summary><div class=\"data\"></div></details></figcaption>\n</figure>\n");
    }

    fn controls(&mut self, live: &Live) {
        self.push(
            "<aside class=\"controls\" aria-labelledby=\"inputs\">\n<details open>\
             <summary><h2 id=\"inputs\">Inputs</h2></summary>\n<div class=\"sliders\">\n",
        );
        for (number, slider) in live.sliders.iter().enumerate() {
            self.slider(number, slider);
        }
        let draws = crate::format::number(live.rows() as f64, crate::Notation::Whole);
        let _ = writeln!(
            self.html,
            "</div>\n<div class=\"buttons\"><button type=\"button\" id=\"reset\" disabled>Reset to the study</button>\
             <button type=\"button\" class=\"quiet\" id=\"verify\">Check the arithmetic</button></div>\n\
             <p class=\"note\" id=\"status\" role=\"status\">The study's own inputs.</p>\n\
             <p class=\"note\" id=\"verified\" role=\"status\"></p>\n\
             <p class=\"note\">Every answer is computed in this page from {draws} draws. The address keeps your inputs.</p>\n\
             </details>\n</aside>"
        );
    }

    fn slider(&mut self, number: usize, slider: &Slider) {
        let (label, unit) = (escaped(&slider.label), escaped(&slider.unit));
        let shown = escaped(&crate::format::with_unit(slider.value, slider.notation, &slider.unit));
        let _ = writeln!(
            self.html,
            "<div class=\"control\"><label for=\"slider-{number}\">{label}</label>\
             <div class=\"field\"><input id=\"field-{number}\" type=\"text\" inputmode=\"decimal\" autocomplete=\"off\" \
             aria-label=\"{label}, number\" value=\"{}\"><span class=\"unit\">{unit}</span></div>\
             <input id=\"slider-{number}\" type=\"range\" min=\"0\" max=\"1000\" step=\"1\" value=\"{}\" aria-valuetext=\"{shown}\">",
            typed(slider.value),
            slider.way()
        );
        if !slider.note.is_empty() {
            let _ = writeln!(self.html, "<p class=\"note\">{}</p>", escaped(&slider.note));
        }
        self.push("</div>\n");
    }

    fn foot(&mut self, document: &Document) {
        let provenance = &document.provenance;
        self.push("<footer>\n<h2>How this was made</h2>\n");
        if !provenance.command.is_empty() {
            let command = escaped(&provenance.command);
            let _ = writeln!(
                self.html,
                "<p>The command that makes it again:</p>\n<pre tabindex=\"0\"><code>{command}</code></pre>"
            );
        }
        if !provenance.facts.is_empty() {
            self.push("<dl>\n");
            for (name, value) in &provenance.facts {
                let (name, value) = (escaped(name), escaped(value));
                let _ = writeln!(self.html, "<div><dt>{name}</dt><dd>{value}</dd></div>");
            }
            self.push("</dl>\n");
        }
        if !provenance.sources.is_empty() {
            self.push("<h3>Sources</h3>\n<ul>\n");
            for source in &provenance.sources {
                let _ = writeln!(self.html, "<li>{}</li>", escaped(source));
            }
            self.push("</ul>\n");
        }
        let _ = writeln!(
            self.html,
            "<details><summary>Licences of what is inside</summary>\n<p>{}</p>\n<pre tabindex=\"0\">{}</pre></details>\n</footer>",
            escaped(library::NOTICE),
            escaped(library::LICENCE)
        );
    }

    /// The attribute of an element that shows a live number.
    fn live(&mut self, number: &'a Number) -> String {
        if number.live.is_none() {
            return String::new();
        }
        self.numbers.push(number);
        format!(" data-number=\"{}\"", self.numbers.len() - 1)
    }

    /// What the colour says, for those who do not see it.
    fn tone_word(&mut self, tone: Tone) {
        let word = match tone {
            Tone::Plain | Tone::Answer => return,
            Tone::Good => "Holds",
            Tone::Caution => "Caution",
            Tone::Bad => "Fails",
        };
        let _ = write!(self.html, "<strong class=\"tone\">{word}</strong> ");
    }
}

fn class(tone: Tone) -> &'static str {
    match tone {
        Tone::Plain => "tone-plain",
        Tone::Answer => "tone-answer",
        Tone::Good => "tone-good",
        Tone::Caution => "tone-caution",
        Tone::Bad => "tone-bad",
    }
}

/// A number as one types it.
fn typed(value: f64) -> String {
    // As many digits as a field has room for; what is computed with keeps all.
    let value = format!("{value:.3e}").parse().unwrap_or(value);
    if value != 0.0 && !(1e-3..1e6).contains(&value.abs()) {
        format!("{value:e}")
    } else {
        value.to_string()
    }
}

fn value(number: &Number) -> String {
    // The attribute holds all digits, for copying and for scripts, which write `Infinity`.
    let digits = match number.value {
        f64::INFINITY => "Infinity".to_owned(),
        f64::NEG_INFINITY => "-Infinity".to_owned(),
        value => value.to_string(),
    };
    format!("<span data-value=\"{digits}\">{}</span>", escaped(&number.to_string()))
}

/// What a figure draws, in words.
fn described(figure: &Figure) -> String {
    let axes = figure.panels.iter().take(3).map(|panel| {
        let title =
            if panel.title.is_empty() { String::new() } else { format!("{}: ", panel.title) };
        format!("{title}{} against {}", panel.y.label, panel.x.label)
    });
    let axes: Vec<String> = axes.collect();
    let more = figure.panels.len().saturating_sub(3);
    let more = if more > 0 { format!(", and {more} more panels") } else { String::new() };
    format!("{} Shown: {}{more}. The data follow as a table.", figure.subtitle, axes.join("; "))
}

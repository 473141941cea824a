//! Text of the user's own: Markdown that cannot run anything.

use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};

/// HTML of `markdown`, without the HTML that stands in it, without images, and with links to web
/// and mail addresses only.
pub(crate) fn to_html(markdown: &str) -> String {
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_FOOTNOTES;
    let mut in_image = 0_usize;
    // Whether each open link is kept.
    let mut links = Vec::new();
    let events = Parser::new_ext(markdown, options).filter_map(|event| match event {
        Event::Html(text) | Event::InlineHtml(text) => Some(Event::Text(text)),
        // A picture is a request to somebody: its words remain.
        Event::Start(Tag::Image { .. }) => {
            in_image += 1;
            None
        }
        Event::End(TagEnd::Image) => {
            in_image = in_image.saturating_sub(1);
            None
        }
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
            let kept = in_image == 0 && is_harmless(&dest_url);
            links.push(kept);
            kept.then_some(Event::Start(Tag::Link { link_type, dest_url, title, id }))
        }
        Event::End(TagEnd::Link) => {
            links.pop().unwrap_or(false).then_some(Event::End(TagEnd::Link))
        }
        // The page's title and its sections are above.
        Event::Start(Tag::Heading { level, classes, attrs, .. }) => {
            let level = lowered(level);
            Some(Event::Start(Tag::Heading { level, id: None, classes, attrs }))
        }
        Event::End(TagEnd::Heading(level)) => Some(Event::End(TagEnd::Heading(lowered(level)))),
        Event::Code(text) => Some(Event::Code(CowStr::from(text.into_string()))),
        other => Some(other),
    });
    let mut out = String::new();
    html::push_html(&mut out, events);
    out
}

fn lowered(level: pulldown_cmark::HeadingLevel) -> pulldown_cmark::HeadingLevel {
    use pulldown_cmark::HeadingLevel::{H3, H4, H5};

    match level as usize {
        1 | 2 => H3,
        3 => H4,
        _ => H5,
    }
}

fn is_harmless(address: &str) -> bool {
    let lower = address.trim().to_ascii_lowercase();
    ["https://", "http://", "mailto:", "#"].iter().any(|start| lower.starts_with(start))
}

/// Plain text inside HTML or SVG, in elements and in quoted attributes.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // XML has no place for them.
            c if c.is_control() && !matches!(c, '\n' | '\t') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_becomes_html_of_lower_headings() {
        let html = to_html("# Why\n\nBecause *N* | see [paper](https://arxiv.org/abs/2203.15556)");
        assert_eq!(
            html,
            "<h3>Why</h3>\n<p>Because <em>N</em> | see <a href=\"https://arxiv.org/abs/2203.15556\">paper</a></p>\n"
        );
    }

    #[test]
    fn nothing_in_markdown_can_run() {
        for hostile in [
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "a <b onclick=\"alert(1)\">b</b>",
            "[a](javascript:alert(1))",
            "[a](JaVaScRiPt:alert(1))",
            "[a]( data:text/html;base64,PHNjcmlwdD4=)",
            "![x](https://example.org/spy.png)",
            "[![x](https://example.org/spy.png)](javascript:alert(1))",
            "<javascript:alert(1)>",
            "[a][b]\n\n[b]: vbscript:x",
            "# a {onclick=alert(1)}",
            "```\" onload=\"alert(1)\n```",
        ] {
            let html = to_html(hostile).to_ascii_lowercase();
            for active in ["<script", "<img", "<b ", "href=\"java", "href=\"data", "href=\"vb"] {
                assert!(!html.contains(active), "{hostile} gives {html}");
            }
            let tags: Vec<&str> =
                html.split('<').skip(1).filter_map(|t| t.split('>').next()).collect();
            assert!(tags.iter().all(|tag| !tag.contains(" on")), "{hostile} gives {html}");
        }
    }
}

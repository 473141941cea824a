//! The law in the book's chapter "Laws" is one.

const PAGE: &str = include_str!("../../../docs/src/laws.md");

#[test]
fn the_books_example_is_a_law_and_its_figures_come_out() {
    let (_, rest) = PAGE.split_once("```toml\n").expect("an example");
    let (text, _) = rest.split_once("```").expect("its end");
    let law = laws::Law::from_toml("docs/src/laws.md", text).unwrap_or_else(|p| panic!("{p}"));
    assert_eq!(law.name, "my-law");
    assert_eq!(law.figures.len(), 2);
    for figure in &law.figures {
        assert!(law.recompute(figure).unwrap_or_else(|p| panic!("{p}")).agrees(), "{figure:?}");
    }
}

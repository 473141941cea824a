//! What holds for every file of the catalogue, and how bad files are refused.

use super::{all, names};

#[test]
fn every_file_is_a_law_of_that_name() {
    for (name, law) in names().zip(all().unwrap()) {
        assert_eq!(law.name, name);
        for text in [&law.title, &law.source, &law.target.meaning] {
            assert!(
                !text.is_empty(),
                "{name} lacks a title, a source or the meaning of its target"
            );
        }
        for quantity in &law.variables {
            assert!(!quantity.meaning.is_empty(), "{name}: {}", quantity.name);
        }
        for parameter in &law.parameters {
            assert!(!parameter.meaning.is_empty(), "{name}: {}", parameter.name);
            let bounded = parameter.bounds.0.is_finite() || parameter.search.is_some();
            assert!(bounded, "{name}: nothing says where to look for {}", parameter.name);
        }
    }
}

#[test]
fn every_published_figure_comes_out_again() {
    let mut wrong = Vec::new();
    for law in all().unwrap() {
        assert!(!law.figures.is_empty(), "{} has no figure", law.name);
        for figure in &law.figures {
            let again = law.recompute(figure).unwrap_or_else(|problem| panic!("{problem}"));
            if !again.agrees() {
                wrong.push(format!(
                    "{}, {}, {}: {} computed, {} published",
                    law.name, figure.published, figure.what, again.value, figure.value
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

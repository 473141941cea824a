use proptest::prelude::*;

use super::*;

fn family(name: &str) -> ShapeFamily {
    shape_family(name).unwrap_or_else(|problem| panic!("{problem}"))
}

#[test]
fn every_family_reads_and_gives_its_published_counts() {
    for name in shape_families() {
        assert_eq!(family(name).name, name);
    }
    assert!(shape_families().count() >= 5);
}

#[test]
fn families_hold_the_catalogues_models_of_their_kind() {
    for (name, layers, width) in
        [("llama", "llama3-8b", 4096), ("qwen3-moe", "qwen3-30b-a3b", 2048)]
    {
        let published = machines::model(layers).unwrap();
        let ours = family(name).model(published.layers, width);
        for counted in Counted::ALL {
            assert_eq!(counted.of(&ours), counted.of(&published), "{name} {counted:?}");
        }
    }
}

#[test]
fn conventions_order_as_they_nest() {
    for name in machines::models() {
        let model = machines::model(name).unwrap();
        let [total, inner, with_head, active, multiplying] =
            Counted::ALL.map(|c| c.of(&model).get());
        assert!(inner <= with_head && with_head <= total && active <= total, "{name}");
        assert!(multiplying <= active, "{name}");
        if model.experts.is_none() {
            assert_eq!(active, total, "{name}");
            assert_eq!(multiplying, with_head, "{name}");
        }
    }
}

#[test]
fn the_polynomial_of_a_count_is_exact_where_nothing_is_rounded() {
    for name in shape_families() {
        let family = family(name);
        for counted in Counted::ALL {
            let count = |model: &Model| counted.of(model).get();
            let polynomial = Polynomial::of(&family, count);
            for (layers, times) in [(1, 16), (7, 32), (96, 96)] {
                let model = family.model(layers, times * family.queries_per_kv * family.head);
                let found = polynomial.at(f64::from(layers), f64::from(model.hidden));
                assert!((found / count(&model) - 1.0).abs() < 1e-12, "{name} {counted:?}");
            }
        }
    }
}

#[test]
fn a_dial_has_one_shape_per_depth_and_neighbours_are_depths() {
    let nanochat = family("nanochat");
    let near = nanochat.nearest(Parameters(2.2e9), Counted::WithHead, 3);
    let depths: Vec<u32> = near.iter().map(|near| near.model.layers).collect();
    assert_eq!(depths, [35, 36, 34]);
    // 64 features a block, rounded up to whole heads.
    assert_eq!(nanochat.of_depth(35).hidden, 2304);
    assert!(near[0].distance.abs() < near[1].distance.abs());
}

#[test]
fn free_families_come_close_without_leaving_their_ratio() {
    let llama = family("llama");
    for target in [1e9, 8e9, 70e9, 402e9] {
        let near = llama.nearest(Parameters(target), Counted::Total, 5);
        assert!(near.len() > 2);
        assert!(near[0].distance.abs() < 0.02, "{target}: {}", near[0].distance);
        for configuration in &near {
            let Model { layers, hidden, .. } = configuration.model;
            let apart = f64::from(hidden) / f64::from(layers) / llama.aspect;
            assert!((1.0 / 1.26..1.26).contains(&apart), "{target}: {apart}");
        }
    }
}

#[test]
fn a_broken_family_points_at_its_place() {
    let text = include_str!("../../../../../catalogue/shapes/llama.toml");
    for (from, to, expected) in [
        ("aspect = 128", "aspect = 0", "x.toml:5"),
        ("head = 128", "head = 0", "expected `head`"),
        ("layers = [32]", "layers = [33]", "33 layers have"),
        ("counted = \"total\"", "counted = \"all\"", "`all` is no way"),
        ("gated = true", "gatd = true", "gatd"),
    ] {
        let problem = ShapeFamily::from_toml("x.toml", &text.replace(from, to));
        let problem = problem.unwrap_err().to_string();
        assert!(problem.contains(expected), "{problem}");
    }
    assert!(shape_family("lama").unwrap_err().to_string().contains("did you mean `llama`?"));
}

proptest! {
    #[test]
    fn any_target_is_answered_without_panic_and_in_order(
        exponent in -320.0..320.0f64,
        which in 0..5usize,
        counted in 0..Counted::ALL.len(),
        most in 0..9usize,
    ) {
        let name = shape_families().nth(which).unwrap();
        let target = 10f64.powf(exponent);
        let near = family(name).nearest(Parameters(target), Counted::ALL[counted], most);
        prop_assert_eq!(near.is_empty(), most == 0);
        prop_assert!(near.windows(2).all(|pair| pair[0].nearness() <= pair[1].nearness()));
        for configuration in &near {
            prop_assert!(configuration.parameters.get() > 0.0);
            prop_assert!(configuration.model.hidden % family(name).head == 0);
        }
    }
}

#[test]
fn odd_targets_are_answered() {
    let llama = family("llama");
    assert!(llama.nearest(Parameters(f64::NAN), Counted::Total, 3).is_empty());
    for target in [0.0, -1.0, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(!llama.nearest(Parameters(target), Counted::Total, 3).is_empty());
    }
}

use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Budget {
    Budget::parse("--budget", text).unwrap_or_else(|problem| panic!("{text}: {problem}"))
}

fn amount(text: &str) -> f64 {
    read(text).amount.unwrap().best()
}

fn problem(text: &str) -> String {
    Budget::parse("--budget", text).map(|b| b.kind).unwrap_err().to_string()
}

const HOUR: f64 = 3600.0;

#[test]
fn budgets_are_read_as_people_write_them() {
    use BudgetKind::{Compute, DeviceTime, Money, Time};
    for (text, kind, value) in [
        ("1e24 FLOP", Compute, 1e24),
        ("1 YFLOP", Compute, 1e24),
        ("1e3 ZFLOP", Compute, 1e24),
        ("1e24 FLOPs", Compute, 1e24),
        ("100 PFLOP/s-days", Compute, 100e15 * 86_400.0),
        ("10 M USD", Money, 1e7),
        ("$10M", Money, 1e7),
        ("$ 2.5 bn", Money, 2.5e9),
        ("10,000,000 USD", Money, 1e7),
        ("10 million dollars", Money, 1e7),
        ("20_000 device-hours", DeviceTime, 2e4 * HOUR),
        ("20_000 H100-hours", DeviceTime, 2e4 * HOUR),
        ("20k GPU hours", DeviceTime, 2e4 * HOUR),
        ("5000 GPU-hour on A100", DeviceTime, 5e3 * HOUR),
        ("1 GPU-day", DeviceTime, 24.0 * HOUR),
        ("30 day on 512 H100", Time, 720.0 * HOUR),
        ("30 days on 8xH100", Time, 720.0 * HOUR),
        ("512 H100 for 30 days", Time, 720.0 * HOUR),
        ("720 h", Time, 720.0 * HOUR),
    ] {
        let found = read(text);
        assert_eq!(found.kind, kind, "{text}");
        let best = amount(text);
        assert!((best / value - 1.0).abs() < 1e-12, "{text}: {best}");
    }
}

#[test]
fn machines_in_the_words_are_kept() {
    for (text, name, count) in [
        ("30 day on 512 H100", "h100", Some(512)),
        ("20_000 H100-hours", "h100", None),
        ("20_000 H100-hours on 512 h100", "h100", Some(512)),
        ("512 A100 for 2 weeks", "a100-80gb", Some(512)),
        ("10 M USD on GB200", "gb200", None),
        ("1 month on eos", "h100", Some(4608)),
    ] {
        let fleet = read(text).fleet.unwrap();
        assert_eq!((fleet.accelerator.name.as_str(), fleet.count), (name, count), "{text}");
    }
    assert!(read("1e24 FLOP").fleet.is_none());
}

#[test]
fn energy_is_the_facilitys_unless_the_words_say_otherwise() {
    let month = 5e6 * 365.25 * 86_400.0 / 12.0;
    for (text, kind, stated) in [
        ("5 MW-month on GB200", PowerKind::Facility, false),
        ("5 megawatt-months", PowerKind::Facility, false),
        ("5 MW month[facility]", PowerKind::Facility, true),
        ("5 MW[it] month on GB200", PowerKind::It, true),
        ("5 MW[chip]-month on GB200", PowerKind::Chip, true),
    ] {
        let found = read(text);
        assert_eq!(found.kind, BudgetKind::Energy { kind, stated }, "{text}");
        assert!((amount(text) / month - 1.0).abs() < 1e-12);
    }
    assert!((amount("3 GWh") - 3e9 * HOUR).abs() < 1.0);
}

#[test]
fn dates_and_losses_are_targets_of_their_own() {
    assert_eq!(read("until 2027-03-01 on 512 H100").kind, BudgetKind::Until);
    assert_eq!(read("by 2027-03-01").kind, BudgetKind::Until);
    for text in ["loss 2.1", "loss <= 2.1", "Loss = 2.1 on 512 H100", "loss 2.1 nat/token"] {
        assert_eq!(read(text).target_loss(), Some(2.1), "{text}");
    }
    assert_eq!(read("1e24 FLOP").target_loss(), None);
}

#[test]
fn uncertain_budgets_keep_their_distribution() {
    let drawn = read("8 M USD to 12 M USD").amount.unwrap().drawn(1, 500).unwrap();
    assert!((drawn.best - (8e6f64 * 12e6).sqrt()).abs() < 1.0);
    assert_eq!(drawn.draws.len(), 500);
    let hours = read("15k H100-hours to 25k H100-hours").amount.unwrap();
    assert!((hours.ends().unwrap().0 - 15e3 * HOUR).abs() < 1.0);
}

#[test]
fn words_that_are_no_budget_are_answered_with_what_to_write() {
    for (text, expected) in [
        ("", "`1e24 FLOP`"),
        ("1e24", "`1e24 FLOP`"),
        ("lots", "lots"),
        ("3 TB", "information"),
        ("5 MW on GB200", "power times time"),
        ("2027-03-01", "until 2027-03-01"),
        ("10 M EUR", "in USD"),
        ("-5 USD", "above zero"),
        ("0 FLOP", "above zero"),
        ("1e400 FLOP", "too large"),
        ("15k to 25k H100-hours", "each end has its own unit"),
        ("8 to 12 M USD", "8 M USD to 12 M USD"),
        ("30 day on H100", "how many"),
        ("until 2027-03-01 on H100", "how many"),
        ("until soon on 512 H100", "soon"),
        ("until 30 day on 512 H100", "expected a date"),
        ("30 day on 512 H1000", "did you mean `h100`?"),
        ("20_000 H1000-hours", "did you mean `h100`?"),
        ("20_000 H100-hours on 512 A100", "hours of h100, but on a100-80gb"),
        ("loss low", "above zero"),
        ("loss -1", "above zero"),
        ("loss", "above zero"),
        ("20 GPU-hours * 3 USD", "s USD is no budget"),
        ("20 GPU-hours * 3 USD/h", "another unit"),
    ] {
        let shown = problem(text);
        assert!(shown.contains(expected), "{text}: {shown}");
    }
}

#[test]
fn problems_point_into_the_words() {
    insta::assert_snapshot!(problem("30 day on 512 H1000"));
    insta::assert_snapshot!(problem("12 dya on 512 H100"));
    insta::assert_snapshot!(problem("20_000 H100-hours on 512 A100"));
}

proptest! {
    #[test]
    fn no_words_panic(text in "\\PC{0,40}") {
        let _ = Budget::parse("--budget", &text);
    }

    #[test]
    fn no_words_of_the_trade_panic(
        words in prop::collection::vec(prop::sample::select(vec![
            "1e24", "FLOP", "$", "10M", "USD", "H100", "-", "hours", "day", "on", "for", "512", "x",
            "until", "2027-03-01", "loss", "MW", "[it]", "month", "to", "k", "ö", "(", ",",
        ]), 0..8),
        space in prop::sample::select(vec!["", " "]),
    ) {
        let _ = Budget::parse("--budget", &words.join(space));
    }
}

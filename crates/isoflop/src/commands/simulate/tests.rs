//! What `isoflop simulate` says.

use clap::Parser;
use diagnostic::Diagnostic;
use serde_json::Value;

use super::{SimulateArgs, respond};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: SimulateArgs,
}

fn at_width(line: &str, width: usize) -> Result<String, Diagnostic> {
    // Words in quotes stay together.
    let words = line.split('\'').enumerate().flat_map(|(i, part)| match i % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect::<Vec<String>>(),
        _ => vec![part.to_owned()],
    });
    let args = Line::parse_from(std::iter::once("simulate".to_owned()).chain(words)).args;
    respond(&args, width).map(|text| anstream::adapter::strip_str(&text).to_string())
}

fn simulate(line: &str) -> Result<String, Diagnostic> {
    at_width(line, 100)
}

fn json(line: &str) -> Value {
    serde_json::from_str(&simulate(&format!("{line} --json")).unwrap()).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

#[test]
fn a_node_and_its_best_layout() {
    insta::assert_snapshot!(simulate("dgx-h100 --model llama3-8b").unwrap());
}

#[test]
fn one_layout_with_a_run() {
    let line = "--on '512 H100' --model llama3-70b --tp 8 --pp 4 --virtual 2 --recompute attention \
                --batch '512 sequences' --tokens '15 T' --precision fp8 --flop 6nd \
                --slow-hosts 0.005";
    insta::assert_snapshot!(simulate(line).unwrap());
}

#[test]
fn a_search_with_its_runners_up() {
    let line = "--on '64 A100' --model llama3-8b --batch '4 M token' --tp 2 --search 4";
    insta::assert_snapshot!(simulate(line).unwrap());
}

#[test]
fn several_sites_with_fibre_between() {
    let line = "ten-gigawatt-ring --model llama3-405b --batch '368000 sequences' --tp 8 --pp 16 \
                --virtual 2 --micro-batch 2";
    let problem = simulate(line).unwrap_err().to_string();
    assert!(problem.contains("do not divide by"), "{problem}");
    insta::assert_snapshot!(
        simulate(
            "intellect-1 --model intellect-1 --every 100 --exchange-bytes 1 --cover 0 \
                                      --batch '14 M token'"
        )
        .unwrap()
    );
}

#[test]
fn what_a_gigawatt_delivers() {
    let line = "--power '1 GW' --accelerator gb200 --model llama3-405b --tokens '15 T'";
    insta::assert_snapshot!(simulate(line).unwrap());
}

#[test]
fn a_growing_machine_uses_less_of_itself() {
    let answer = json(
        "campus-1gw --scale --model llama3-70b --batch '2048 sequences' --fibre-cost '2 bn USD' \
         --between-bandwidth '100 Tbit/s' --between-round-trip '10 ms' --cover 0",
    );
    let sizes = answer["sizes"].as_array().unwrap();
    let mfu: Vec<f64> = sizes.iter().map(|size| number(&size["mfu"])).collect();
    let goodput: Vec<f64> = sizes.iter().map(|size| number(&size["goodput"])).collect();
    assert!(mfu.len() > 5 && mfu.last().unwrap() < &(0.5 * mfu[0]), "{mfu:?}");
    assert!(goodput.is_sorted_by(|a, b| a > b), "{goodput:?}");
    assert_eq!(answer["between_round_trip_seconds"], 0.01);
    // A line of 12.5 TB/s takes a third of a second to sum 141 GB half way round.
    let sites = answer["sites"].as_array().unwrap();
    assert!(number(&sites[3]["step_seconds"]) > number(&sites[0]["step_seconds"]));
    assert_eq!(answer["fibre_usd"], 2e9);
}

#[test]
fn a_step_event_by_event_with_slow_hosts() {
    let line = "--on '256 H100' --model gpt3-175b --tp 8 --pp 8 --virtual 2 --batch '256 sequences' \
                --events --slow-hosts 0.1 --jitter 0.05 --seed 7";
    let shown = simulate(line).unwrap();
    let events = shown.lines().skip_while(|line| !line.starts_with("by events"));
    let drawn = shown.lines().filter(|line| line.starts_with("  stage "));
    let said: Vec<&str> = events.take_while(|line| !line.is_empty()).chain(drawn).collect();
    insta::assert_snapshot!(said.join("\n"));
    let answer = json(line);
    let played = &answer["by_events"];
    let chain = played["longest_chain_seconds"].as_object().unwrap();
    let sum: f64 = chain.values().map(number).sum();
    assert!((sum / number(&played["step_seconds"]) - 1.0).abs() < 1e-9);
    assert_eq!(json(line), answer);
    // Without what makes ranks unlike, the closed form and the play agree.
    let alike =
        json("--on '256 H100' --model gpt3-175b --tp 8 --pp 8 --batch '256 sequences' --events");
    let ratio = number(&alike["by_events"]["step_seconds"]) / number(&alike["step_seconds"]);
    assert!((ratio - 1.0).abs() < 0.05, "{ratio}");
    assert_eq!(alike["by_events"]["unlike_replicas"], 1);
}

#[test]
fn unlike_sites_share_the_batch_so_that_none_waits_long() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("two.toml");
    let site = |name: &str, device: &str, count: u32| {
        format!("[[site]]\nname = '{name}'\naccelerator = '{device}'\naccelerators = {count}\n")
    };
    let text = format!(
        "name = 'two'\ntitle = 'Two sites'\nsource = 'a test'\n{}{}\
         [wan]\nbandwidth = '10 Tbit/s'\nround_trip = '10 ms'\n",
        site("old", "a100-80gb", 256),
        site("new", "h100", 512),
    );
    std::fs::write(&path, text).unwrap();
    let line = format!("{} --model llama3-8b --batch '16 M token' --loss 2.1", path.display());
    let answer = json(&line);
    let sites = answer["unlike_sites"].as_array().unwrap();
    let tokens: Vec<f64> = sites.iter().map(|site| number(&site["batch_tokens"])).collect();
    assert!(tokens[1] > 3.0 * tokens[0], "{tokens:?}");
    for site in sites {
        assert!(number(&site["idle_share"]) < 0.15, "{site}");
    }
    assert!((number(&answer["run"]["loss_nats_per_token"]) - 2.1).abs() < 1e-9);
    let shown = simulate(&line).unwrap();
    assert!(shown.contains("unlike sites") && shown.contains("MWh"), "{shown}");
    let asked = simulate(&format!("{line} --tp 2")).unwrap();
    assert_eq!(asked.matches("TP 2 ").count(), 2, "{asked}");
}

#[test]
fn a_loss_takes_the_tokens_that_the_law_says() {
    let base = "--on '1024 H100' --model llama3-70b --batch '8 M token'";
    let asked = json(&format!("{base} --loss 1.95"));
    let tokens = number(&asked["learned"]["tokens"]);
    // 1.95 = E + A / N^alpha + B / D^beta, solved by hand for N of 70.6 B.
    let left = 1.95 - 1.8172 - 482.01 / number(&asked["parameters"]).powf(0.3478);
    assert!((tokens / (2085.43 / left).powf(1.0 / 0.3658) - 1.0).abs() < 1e-3, "{tokens:e}");
    assert_eq!(number(&asked["run"]["tokens"]), tokens);
    let there = json(&format!("{base} --tokens '{tokens:.6e}'"));
    assert!((number(&there["learned"]["loss_nats_per_token"]) - 1.95).abs() < 1e-4);
    let ratio = number(&there["run"]["seconds"]) / number(&asked["run"]["seconds"]);
    assert!((ratio - 1.0).abs() < 1e-4, "{ratio}");
}

#[test]
fn raw_text_from_one_store_waits_and_tokens_on_every_host_do_not() {
    // 2 TB of text became 25 GB of tokens beside every node (arXiv:2509.05258): 320 bytes a token
    // of four.
    let base = "--on '256 H100' --model llama3-8b --batch '4 M token'";
    let raw = json(&format!("{base} --data-store '0.5 GB/s' --token-bytes 320"));
    let local = json(&format!("{base} --data-store '1 GB/s' --local-copy '1 GB/s'"));
    assert!(number(&raw["step_parts_seconds"]["reading_tokens"]) > 0.1, "{raw}");
    assert!(local["step_parts_seconds"]["reading_tokens"].is_null());
    assert!(number(&raw["step_seconds"]) > 1.2 * number(&local["step_seconds"]));
    assert_eq!(local["reading_tokens"]["from"], "local copies");
    let said = simulate(&format!(
        "{base} --data-store '1 GB/s' --local-copy '1 GB/s' --tokens '6 bn token'"
    ));
    assert!(said.unwrap().contains("copying all"));
}

#[test]
fn for_programs_the_parts_add_up() {
    for line in [
        "dgx-h100 --model llama3-8b",
        "intellect-1 --model intellect-1 --batch '1 M token'",
        "--on '64 H100' --model qwen3-30b-a3b --ep 8 --batch '512 sequences' --tokens '1 T'",
    ] {
        let answer = json(line);
        let step = number(&answer["step_seconds"]);
        let parts = answer["step_parts_seconds"].as_object().unwrap();
        let sum: f64 = parts.values().map(number).sum();
        assert!((sum / step - 1.0).abs() < 1e-12, "{sum} {step}");
        let memory = answer["memory_bytes"].as_object().unwrap();
        let sum: f64 = memory.values().map(number).sum();
        assert!((sum / number(&answer["memory_total_bytes"]) - 1.0).abs() < 1e-12);
        let flop = number(&answer["flop_per_step"]);
        let rate = flop / (step * number(&answer["accelerators"]) * 989.4e12);
        assert!((rate / number(&answer["mfu"]) - 1.0).abs() < 1e-3, "{rate}");
        assert_eq!(answer["schema_version"], 1);
    }
}

#[test]
fn what_people_read_adds_up_too() {
    let shown = simulate("dgx-h100 --model llama3-8b").unwrap();
    let rows: Vec<&str> = shown
        .lines()
        .skip_while(|line| !line.starts_with("time of"))
        .skip(1)
        .take_while(|line| !line.is_empty())
        .collect();
    let value = |line: &str| -> f64 {
        let before = line.split(" s ").next().unwrap();
        before.split_whitespace().last().unwrap().parse().unwrap()
    };
    let (sum, parts) = rows.split_last().unwrap();
    let added: f64 = parts.iter().map(|line| value(line)).sum();
    assert!((added - value(sum)).abs() < 1e-9, "{added} {sum}");
    assert!(parts.len() > 3);
}

#[test]
fn the_search_is_no_slower_than_any_layout_asked_for() {
    let base = "--on '16 H100' --model llama3-8b --batch '64 sequences' --context 4096";
    let best = number(&json(base)["step_seconds"]);
    for layout in ["--zero 3", "--tp 2 --pp 2", "--tp 4 --zero 1", "--cp 2 --zero 3"] {
        let one = number(&json(&format!("{base} {layout}"))["step_seconds"]);
        assert!(best <= one, "{layout}: {best} {one}");
    }
}

#[test]
fn no_line_is_wider_than_a_narrow_terminal() {
    for width in [40, 60, 80] {
        for line in [
            "dgx-h100 --model llama3-8b --search 2 --tokens '15 T'",
            "--power '20 MW' --accelerator h100 --model gpt2-xl",
            "intellect-1 --model \
                      intellect-1 --batch '1 M token'",
        ] {
            for shown in at_width(line, width).unwrap().lines() {
                assert!(shown.chars().count() <= width, "{width}: {shown}");
            }
        }
    }
}

#[test]
fn files_of_ones_own_are_read_and_their_mistakes_shown() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let site = "name = 'x'\ntitle = 'x'\nsource = 'x'\n[[site]]\nname = 'a'\naccelerator = 'h100'\n\
                accelerators = 16\n[[site.tier]]\naccelerators = 16\nbandwidth = '400 Gbit/s'\n";
    let good = write("good.toml", site);
    assert!(simulate(&format!("{good} --model llama3-8b")).is_ok());
    for (from, to, expected) in [
        ("400 Gbit/s", "0 Gbit/s", "more than zero"),
        ("accelerators = 16\nb", "accelerators = 8\nb", "joins 8 accelerators"),
        ("'h100'", "'h1000'", "did you mean `h100`?"),
        ("bandwidth", "latency = '-1 us'\nbandwidth", "zero or more"),
    ] {
        let bad = write("bad.toml", &site.replace(from, to));
        let problem = simulate(&format!("{bad} --model llama3-8b")).unwrap_err().to_string();
        assert!(problem.contains(expected), "{problem}");
    }
    let device =
        write("chip.toml", include_str!("../../../../../catalogue/accelerators/h100.toml"));
    assert!(simulate(&format!("--on '8 {device}' --model llama3-8b")).is_ok());
}

#[test]
fn what_cannot_be_simulated_says_why() {
    let lines = [
        "dgx-h101 --model llama3-8b",
        "dgx-h100 --model lama3-8b",
        "nowhere.toml --model llama3-8b",
        "--on H100 --model llama3-8b",
        "--on '512 H1000' --model llama3-8b",
        "'512 H100' --model llama3-8b",
        "--on '4 RTX 4090' --model gpt2",
        "--on '8 T4' --model gpt2",
        "dgx-h100 --model llama3-8b --precision fp4",
        "dgx-h100 --model llama3-405b",
        "dgx-h100 --model llama3-8b --tp 3",
        "dgx-h100 --model llama3-8b --tp 8 --tp-rows 3",
        "dgx-h100 --model llama3-8b --tp 8 --dp 2",
        "--on '24 H100' --model llama3-8b --tp 3 --dp 8",
        "dgx-h100 --model llama3-8b --zero 3 --batch '12 sequences'",
        "dgx-h100 --model llama3-8b --cp 8 --context 1000",
        "dgx-h100 --model llama3-8b --pp 8 --virtual 8",
        "dgx-h100 --model llama3-8b --ep 8",
        "dgx-h100 --model qwen3-30b-a3b --ep 3",
        "dgx-h100 --model llama3-8b --zero 0 --micro-batch 4",
        "dgx-h100 --model llama3-8b --tp 0",
        "dgx-h100 --model llama3-8b --batch '0 sequences'",
        "dgx-h100 --model llama3-8b --batch '-4 M token'",
        "dgx-h100 --model llama3-8b --batch '3 kg'",
        "dgx-h100 --model llama3-8b --interface '0 Gbit/s'",
        "dgx-h100 --model llama3-8b --latency '-1 us'",
        "dgx-h100 --model llama3-8b --latency '1 GB'",
        "dgx-h100 --model llama3-8b --pue 0.5",
        "dgx-h100 --model llama3-8b --between-failures '0 h'",
        "dgx-h100 --model llama3-8b --slow-hosts 2",
        "dgx-h100 --model llama3-8b --between-bandwidth '1 Tbit/s'",
        "intellect-1 --model intellect-1 --batch '15 sequences'",
        "intellect-1 --model intellect-1 --cover 2 --batch '1 M token'",
        "--power '1 W' --accelerator gb200 --model llama3-8b",
        "--power '0 GW' --accelerator gb200 --model llama3-8b",
        "--power '1 GB' --accelerator gb200 --model llama3-8b",
        "--power '1 GW' --accelerator gb2000 --model llama3-8b",
        "--power '1 GW' --accelerator '512 gb200' --model llama3-8b",
        "--power '1 GW' --accelerator gb200 --model llama3-8b --fibre-cost '-1 USD'",
        "homes-1000 --scale --model llama3-8b",
        "dgx-h100 --model llama3-8b --events --jitter 2",
        "dgx-h100 --model llama3-8b --jitter 0.1",
        "dgx-h100 --model llama3-8b --loss 1.0",
        "dgx-h100 --model llama3-8b --loss 2.1 --tokens '1 T'",
        "dgx-h100 --model llama3-8b --loss 2.1 --law besiroglu-2042",
        "dgx-h100 --model qwen3-30b-a3b --loss 2.1",
        "dgx-h100 --model llama3-8b --local-copy '0 GB/s'",
        "dgx-h100 --model llama3-8b --token-bytes 0",
    ];
    let said: Vec<String> = lines
        .iter()
        .map(|line| match simulate(line) {
            Err(problem) => format!("$ isoflop simulate {line}\n{problem}\n"),
            Ok(answer) => format!("$ isoflop simulate {line}\nNO ERROR\n{answer}\n"),
        })
        .collect();
    let said = said.join("\n");
    insta::assert_snapshot!(said);
    assert!(!said.contains("NO ERROR"), "{said}");
}

/// A run's numbers by their labels, and what the page computes of them at a setting.
fn run_of(line: &str, setting: &[(&str, f64)]) -> Vec<(String, f64, Option<f64>)> {
    let words = line.split('\'').enumerate().flat_map(|(i, part)| match i % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect::<Vec<String>>(),
        _ => vec![part.to_owned()],
    });
    let args = Line::parse_from(std::iter::once("simulate".to_owned()).chain(words)).args;
    let part = super::part("my-machine", &args).unwrap();
    let live = part.live.unwrap();
    let blocks = part.sections.iter().flat_map(|section| &section.blocks);
    let numbers = blocks.filter_map(|block| match block {
        report::Block::Numbers(numbers) => Some(numbers),
        _ => None,
    });
    let page = |source: &report::Source| live.evaluate(setting, source).unwrap()[0];
    numbers
        .flatten()
        .map(|number| (number.label.clone(), number.value, number.live.as_ref().map(page)))
        .collect()
}

#[test]
fn what_a_page_computes_of_a_run_is_what_the_command_says_of_that_run() {
    let line = "dgx-h100 --model llama3-8b --batch '4 M token'";
    let found = run_of(line, &[]);
    for (label, value, page) in &found {
        match page {
            Some(page) => assert!((page / value - 1.0).abs() < 1e-12, "{label}: {page} {value}"),
            None => assert_eq!(label, "Memory"),
        }
    }
    let goodput = |line: &str| run_of(line, &[])[3].1;
    let failing = format!("{line} --between-failures '900 h'");
    assert!(goodput(&failing) < goodput(line));
    for (other, setting) in [
        (format!("{line} --tokens '15 T'"), ("my_machine_tokens", 15e12)),
        (format!("{line} --price '7 USD/h'"), ("my_machine_price", 7.0)),
        (failing.clone(), ("my_machine_goodput", goodput(&failing))),
    ] {
        let expected = run_of(&other, &[]);
        let found = run_of(line, &[setting]);
        assert!(found.len() >= 11, "{found:?}");
        for ((label, value, _), (_, _, page)) in expected.iter().zip(&found) {
            let page = page.unwrap_or(*value);
            // Power is told in a unit that fits.
            assert!((page / value - 1.0).abs() < 1e-9, "{other}, {label}: {page} {value}");
        }
    }
    // Half the MFU takes twice the time, and money; less power, since chips wait.
    let mfu = found[2].1;
    let slower = run_of(line, &[("my_machine_mfu", mfu / 2.0)]);
    let ratio = |label: &str| {
        let at = found.iter().position(|(known, ..)| known == label).unwrap();
        slower[at].2.unwrap() / found[at].1
    };
    for label in ["Step", "The whole run", "It costs", "A trillion tokens"] {
        assert!((ratio(label) - 2.0).abs() < 1e-9, "{label}: {}", ratio(label));
    }
    assert!((ratio("Speed") - 0.5).abs() < 1e-9 && ratio("Power") < 1.0);
    assert!((ratio("Its energy") - 2.0 * ratio("Power")).abs() < 1e-9);
    let dearer = run_of(line, &[("my_machine_energy_price", 140.0)]);
    let paid = |run: &[(String, f64, Option<f64>)]| {
        let of = |label: &str| run.iter().find(|(known, ..)| known == label).unwrap().2.unwrap();
        of("Its electricity") / of("Its energy")
    };
    assert!((paid(&dearer) - 140.0).abs() < 1e-9, "{}", paid(&dearer));
}

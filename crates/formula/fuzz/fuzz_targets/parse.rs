//! Any text is read, checked, printed, compiled and evaluated without a panic; what was printed
//! is read again and printed the same.
#![no_main]

use formula::{Columns, Environment, Program};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(program) = Program::parse("<fuzz>", text) else { return };
    let printed = program.print();
    // Units that the text declares are not printed.
    if !text.contains("unit") {
        let again = Program::parse("<again>", &printed).expect("what was printed is read");
        assert_eq!(again.print(), printed);
    }
    let Ok(checked) = program.check(&Environment::new()) else { return };
    let names: Vec<String> = checked.names().into_iter().map(str::to_owned).collect();
    // Long time axes are allowed but slow under the fuzzer.
    if checked.times().is_some_and(|times| times.len() > 50) {
        return;
    }
    let Ok(compiled) = checked.compile(&names) else { return };
    let mut table = Columns::new(3);
    for input in compiled.inputs() {
        table.set(input.name, vec![-1.0, 0.0, 2.5]);
    }
    let _ = compiled.evaluate(&table);
    let _ = compiled.to_javascript();
});

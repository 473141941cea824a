//! Changes to a scenario: an overlay's entries, or `key=expression` from the command line.

use diagnostic::Diagnostic;

use super::{Input, Scenario, Series, SeriesForm};
use crate::written::Written;

impl Scenario {
    /// This scenario with the entries of `other` in place of its own of the same name, and the
    /// rest of them added.
    #[must_use]
    pub fn changed_by(mut self, other: Scenario) -> Scenario {
        let keep = |own: String, new: String| if new.is_empty() { own } else { new };
        self.origin = keep(self.origin, other.origin);
        self.title = keep(self.title, other.title);
        self.notes = keep(self.notes, other.notes);
        self.time = other.time.or(self.time);
        self.samples = other.samples.or(self.samples);
        self.seed = other.seed.or(self.seed);
        self.stated_level = other.stated_level.or(self.stated_level);
        merge(&mut self.uses, other.uses, |a, b| a == b);
        merge(&mut self.units, other.units, |a, b| a.0 == b.0);
        merge(&mut self.inputs, other.inputs, |a, b| a.name == b.name);
        merge(&mut self.correlations, other.correlations, |a, b| {
            (&a.a, &a.b) == (&b.a, &b.b) || (&a.a, &a.b) == (&b.b, &b.a)
        });
        merge(&mut self.series, other.series, |a, b| a.name == b.name);
        merge(&mut self.choices, other.choices, |a, b| a.name == b.name);
        merge(&mut self.model, other.model, |a, b| a.0 == b.0);
        merge(&mut self.outputs, other.outputs, |a, b| a.name == b.name);
        merge(&mut self.sensitivity, other.sensitivity, |a, b| a.of == b.of);
        // A claim may say several things: they go and come together.
        let again = |check: &super::Check| other.checks.iter().any(|new| new.claim == check.claim);
        self.checks.retain(|check| !again(check));
        self.checks.extend(other.checks);
        merge(&mut self.data, other.data, |a, b| a.name == b.name);
        merge(&mut self.trends, other.trends, |a, b| a.name == b.name);
        self
    }

    /// Sets one thing, as `--set key=expression` does: an input, a definition of the model, a
    /// series, a choice (to one of its variants or to a value), or `samples`, `seed`, `from`,
    /// `to`, `step`.
    ///
    /// ```
    /// # use forecast::Scenario;
    /// let mut scenario = Scenario::from_toml("x.toml", "[inputs]\na = \"1 to 2\"")?;
    /// scenario.set("a=3")?;
    /// assert_eq!(scenario.inputs[0].value.text(), "3");
    /// assert!(scenario.set("b=3").unwrap_err().to_string().contains("there is no name `b`"));
    /// # Ok::<(), diagnostic::Diagnostic>(())
    /// ```
    ///
    /// # Errors
    /// Text without `=`, and a name that the scenario does not have.
    pub fn set(&mut self, change: &str) -> Result<(), Diagnostic> {
        let Some((key, value)) = change.split_once('=') else {
            return Err(Diagnostic::error(format!("`{change}` sets nothing"))
                .help("write `name=expression`, for example `growth=\"2x/yr to 5x/yr\"`"));
        };
        let (key, value) = (key.trim(), value.trim());
        let place = Written::new("--set", change);
        self.set_value(&place.restated(key), &Written::new("--set", value))
    }

    /// Sets the thing called `key` to `value`.
    pub(crate) fn set_value(&mut self, key: &Written, value: &Written) -> Result<(), Diagnostic> {
        let name = key.text();
        if let Some(input) = self.inputs.iter_mut().find(|input| input.name.text() == name) {
            input.value = value.clone();
            input.trend = None;
            return Ok(());
        }
        if let Some(place) = self.choices.iter().position(|choice| choice.name.text() == name) {
            let choice = &mut self.choices[place];
            if let Some(variant) = choice.variants.iter().find(|(name, _)| name == value) {
                choice.variants = vec![variant.clone()];
            } else {
                let choice = self.choices.remove(place);
                self.inputs.push(plain_input(choice.name, value.clone()));
            }
            return Ok(());
        }
        if let Some((_, body)) = self.model.iter_mut().find(|(head, _)| head.text() == name) {
            *body = value.clone();
            return Ok(());
        }
        if let Some(series) = self.series.iter_mut().find(|series| series.name.text() == name) {
            series.form = SeriesForm::At(value.clone());
            return Ok(());
        }
        match (name, &mut self.time) {
            ("samples", _) => {
                let count = crate::number::plain(value.text());
                let whole = count
                    .filter(|n| (2.0..=super::MOST_SAMPLES as f64).contains(n) && n.fract() == 0.0);
                let Some(count) = whole else {
                    return Err(value.error("expected a number of samples", "not a count from 2"));
                };
                self.samples = Some(count as usize);
            }
            ("seed", _) => {
                let seed = value.text().parse().map_err(|_| {
                    value.error("expected a seed, a whole number", "not a whole number")
                })?;
                self.seed = Some(seed);
            }
            ("from", Some(time)) => time.from = value.clone(),
            ("to", Some(time)) => time.to = value.clone(),
            ("step", Some(time)) => time.step = value.clone(),
            _ => return Err(key.unknown("name", self.settable())),
        }
        Ok(())
    }

    /// The names that can be set.
    pub fn settable(&self) -> Vec<&str> {
        (self.inputs.iter().map(|input| input.name.text()))
            .chain(self.choices.iter().map(|choice| choice.name.text()))
            .chain(self.model.iter().map(|(head, _)| head.text()))
            .chain(self.series.iter().map(|Series { name, .. }| name.text()))
            .collect()
    }
}

/// An input without metadata.
pub(crate) fn plain_input(name: Written, value: Written) -> Input {
    let (source, note, date) = (String::new(), String::new(), String::new());
    Input { name, value, source, note, date, source_range: None, trend: None }
}

/// Puts each of `new` in the place of the one it is the `same` as, or at the end.
fn merge<T>(own: &mut Vec<T>, new: Vec<T>, same: impl Fn(&T, &T) -> bool) {
    for entry in new {
        match own.iter_mut().find(|known| same(known, &entry)) {
            Some(known) => *known = entry,
            None => own.push(entry),
        }
    }
}

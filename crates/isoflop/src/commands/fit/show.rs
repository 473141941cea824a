//! What `isoflop fit` says to people, one part each.

use runs::RunTable;

use super::answer::Answer;

mod backtest;
mod certificate;
mod choices;
pub(crate) mod data;
mod frontier;
mod holdout;
mod law;
mod predictions;
mod profiles;
mod published;
mod sharing;
mod trust;

pub(super) use backtest::NO_BACKTEST;
pub(super) use certificate::weakest;
pub(super) use trust::name_of;

impl Answer<'_> {
    /// The whole answer but for the plot, in lines of about `width` characters.
    pub(super) fn for_people(&self, table: &RunTable, width: usize) -> String {
        let mut text = String::new();
        data::about(&mut text, self, table, width);
        law::about(&mut text, self, width);
        profiles::about(&mut text, &self.profiles, width);
        certificate::about(&mut text, self.fit, width);
        published::about(&mut text, self, width);
        backtest::about(&mut text, self.fit, width);
        if let Some(holdout) = &self.holdout {
            holdout::about(&mut text, self.fit, holdout, width);
        }
        frontier::about(&mut text, self, width);
        predictions::about(&mut text, self);
        if let Some(sharing) = &self.sharing {
            sharing::about(&mut text, sharing, width);
        }
        if let Some(choices) = &self.choices {
            choices::about(&mut text, self, choices, width);
        }
        trust::about(&mut text, self, width);
        text
    }
}

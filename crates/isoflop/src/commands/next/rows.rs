//! Tables of runs that may be left out: before the first run there are none.

use clap::{ArgMatches, Args, Command, Error, FromArgMatches};

use super::super::fit::rows::RowArgs;

/// [`RowArgs`], whose tables may be left out.
#[derive(Debug, Clone)]
pub(super) struct OptionalRows {
    pub(super) rows: RowArgs,
    /// Whether tables were named.
    pub(super) given: bool,
}

/// The positional argument of [`RowArgs`].
const TABLES: &str = "runs";

impl Args for OptionalRows {
    fn augment_args(command: Command) -> Command {
        RowArgs::augment_args(command).mut_arg(TABLES, |tables| tables.required(false))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for OptionalRows {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        Self::from_arg_matches_mut(&mut matches.clone())
    }

    fn from_arg_matches_mut(matches: &mut ArgMatches) -> Result<Self, Error> {
        let given = matches.contains_id(TABLES);
        Ok(Self { rows: RowArgs::from_arg_matches_mut(matches)?, given })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

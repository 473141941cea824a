//! Which column of a table holds N, D, the loss and the run, and what its name says about it.

use diagnostic::Diagnostic;

use crate::RunTable;

/// What a column is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// N, model parameters.
    Parameters,
    /// D, training tokens.
    Tokens,
    /// The loss in nats per token.
    Loss,
    /// Which run a row belongs to.
    Run,
}

impl Role {
    /// The short name: `N`, `D`, `loss` or `run`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Parameters => "N",
            Self::Tokens => "D",
            Self::Loss => "loss",
            Self::Run => "run",
        }
    }

    /// Column names that are taken for this role, best first, and the convention each implies.
    const fn synonyms(self) -> &'static [(&'static str, &'static str)] {
        const UNSTATED: &str = "which parameters count is not stated by the table";
        const TOKENS: &str = "training tokens";
        const LOSS: &str = "nats per token, as the table gives it";
        match self {
            Self::Parameters => &[
                ("params_with_head", "without the input embedding, with the output head"),
                ("N", UNSTATED),
                ("params", UNSTATED),
                ("parameters", UNSTATED),
                ("n_params", UNSTATED),
                ("num_params", UNSTATED),
                ("model_size", UNSTATED),
                ("params_total", "all parameters, embeddings included"),
                ("total_params", "all parameters, embeddings included"),
                ("params_non_embedding", "without embeddings"),
                ("non_embedding_params", "without embeddings"),
            ],
            Self::Tokens => &[
                ("tokens", TOKENS),
                ("D", TOKENS),
                ("train_tokens", TOKENS),
                ("training_tokens", TOKENS),
                ("n_tokens", TOKENS),
                ("num_tokens", TOKENS),
                ("dataset_tokens", TOKENS),
            ],
            Self::Loss => &[
                ("loss", LOSS),
                ("val_loss", LOSS),
                ("validation_loss", LOSS),
                ("eval_loss", LOSS),
                ("test_loss", LOSS),
                ("final_loss", LOSS),
                ("L", LOSS),
            ],
            Self::Run => &[
                ("run", "rows of one run stay together"),
                ("run_id", "rows of one run stay together"),
                ("run_name", "rows of one run stay together"),
                ("name", "rows of one run stay together"),
            ],
        }
    }
}

/// Which column to use for what; `None` takes the first standard name that the table has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Columns {
    /// The column of N.
    pub parameters: Option<String>,
    /// The column of D.
    pub tokens: Option<String>,
    /// The column of the loss.
    pub loss: Option<String>,
    /// The column that says which run a row belongs to.
    pub run: Option<String>,
}

/// The column that was taken for a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnChoice {
    /// What it is used for.
    pub role: Role,
    /// Its name; `None` when the table has no run column and every row is its own run.
    pub column: Option<String>,
    /// The convention its values follow, as far as its name tells.
    pub convention: &'static str,
    /// Other columns that could have been meant.
    pub also: Vec<String>,
}

/// The column for `role`: the one that was asked for, else the first standard name there is.
pub(crate) fn choose(
    table: &RunTable,
    role: Role,
    asked: Option<&str>,
) -> Result<ColumnChoice, Diagnostic> {
    let synonyms = role.synonyms();
    if let Some(asked) = asked {
        if !table.has(asked) {
            return Err(table.missing_column(asked));
        }
        let convention = synonyms
            .iter()
            .find(|(name, _)| *name == asked)
            .map_or("as chosen; the name states no convention", |&(_, convention)| convention);
        return Ok(ColumnChoice {
            role,
            column: Some(asked.to_owned()),
            convention,
            also: Vec::new(),
        });
    }
    // The exact name wins over one that differs in case: `l` is not `L`.
    let mut found: Vec<(&str, &'static str)> = Vec::new();
    for same in [str::eq as fn(&str, &str) -> bool, str::eq_ignore_ascii_case] {
        for &(synonym, convention) in synonyms {
            for name in table.names() {
                if same(name, synonym) && found.iter().all(|&(known, _)| known != name) {
                    found.push((name, convention));
                }
            }
        }
    }
    match found.split_first() {
        Some((&(name, convention), others)) => Ok(ColumnChoice {
            role,
            column: Some(name.to_owned()),
            convention,
            also: others.iter().map(|&(name, _)| name.to_owned()).collect(),
        }),
        None if role == Role::Run => Ok(ColumnChoice {
            role,
            column: None,
            convention: "the table names no runs, so every row counts as a run of its own",
            also: Vec::new(),
        }),
        None => {
            let names: Vec<&str> = table.names().filter(|name| !name.is_empty()).collect();
            let known: Vec<&str> = synonyms.iter().map(|&(name, _)| name).collect();
            Err(Diagnostic::error(format!(
                "no column of `{}` is known to hold {}",
                table.origin(),
                match role {
                    Role::Parameters => "N, the model parameters",
                    Role::Tokens => "D, the training tokens",
                    Role::Loss => "the loss in nats per token",
                    Role::Run => "the run",
                }
            ))
            .note(format!("its columns are {}", names.join(", ")))
            .note(format!("known names are {}", known.join(", ")))
            .help(format!("say which one it is: --column {}=NAME", role.name())))
        }
    }
}

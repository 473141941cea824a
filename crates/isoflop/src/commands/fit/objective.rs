//! What to make small.

use clap::{Args, ValueEnum};
use diagnostic::Diagnostic;
use laws::{FIELD_DELTA, Law, Loss, Objective, ResidualScale};

/// The penalty of residuals.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "The objective")]
pub(crate) struct ObjectiveArgs {
    /// What to make small [default: huber-log for losses, squares for accuracies]
    #[arg(long, value_name = "KIND")]
    objective: Option<Kind>,
    /// Where Huber's penalty turns from quadratic to straight [default: 0.001 of log residuals]
    #[arg(long, value_name = "WIDTH", allow_negative_numbers = true, visible_alias = "huber")]
    delta: Option<f64>,
    /// How much more an overestimate counts than an underestimate; with `asymmetric` [default: 10]
    #[arg(long, value_name = "FACTOR", allow_negative_numbers = true)]
    overestimate: Option<f64>,
    /// Degrees of freedom; with `student` [default: 4]
    #[arg(long, value_name = "COUNT", allow_negative_numbers = true)]
    degrees: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Huber's penalty of ln measured - ln law
    HuberLog,
    /// Huber's penalty of measured - law
    Huber,
    /// Least squares of measured - law
    Squares,
    /// Least squares of ln measured - ln law
    SquaresLog,
    /// Huber's penalty, larger where the law lies above: the lower envelope of untuned sweeps
    Asymmetric,
    /// The likelihood of Student's t, which outliers hardly move
    Student,
}

/// Enough to tell, and the usual heavy tail.
const OVERESTIMATE: f64 = 10.0;
const DEGREES: f64 = 4.0;

impl ObjectiveArgs {
    /// The objective for `law`.
    ///
    /// # Errors
    /// Settings that the kind of objective does not have, or that it lacks.
    pub(crate) fn objective(&self, law: &Law) -> Result<Objective, Diagnostic> {
        let standard = Objective::standard(law.residuals);
        let kind = match (self.objective, self.delta, law.residuals) {
            (Some(kind), ..) => kind,
            (None, _, ResidualScale::Log) => Kind::HuberLog,
            (None, Some(_), ResidualScale::Linear) => Kind::Huber,
            (None, None, ResidualScale::Linear) => Kind::Squares,
        };
        self.refuse_strangers(kind)?;
        let residuals = match kind {
            Kind::HuberLog | Kind::SquaresLog => ResidualScale::Log,
            Kind::Huber | Kind::Squares => ResidualScale::Linear,
            Kind::Asymmetric | Kind::Student => standard.residuals,
        };
        let loss = match kind {
            Kind::HuberLog | Kind::Huber => Loss::Huber { delta: self.width(residuals, law)? },
            Kind::Squares | Kind::SquaresLog => Loss::Squares,
            Kind::Asymmetric => Loss::Asymmetric {
                delta: self.width(residuals, law)?,
                overestimate: self.overestimate.unwrap_or(OVERESTIMATE),
            },
            Kind::Student => Loss::StudentT { degrees: self.degrees.unwrap_or(DEGREES) },
        };
        Ok(Objective { residuals, loss })
    }

    fn width(&self, residuals: ResidualScale, law: &Law) -> Result<f64, Diagnostic> {
        match (self.delta, residuals) {
            (Some(delta), _) => Ok(delta),
            (None, ResidualScale::Log) => Ok(FIELD_DELTA),
            (None, ResidualScale::Linear) => Err(Diagnostic::error(format!(
                "Huber's penalty of {} itself, not of its logarithm, needs a width",
                law.target.name
            ))
            .help("give --delta in the unit of the residuals, about the scatter of one run")),
        }
    }

    /// An option that another kind of objective would need is a mistake.
    fn refuse_strangers(&self, kind: Kind) -> Result<(), Diagnostic> {
        let huber = matches!(kind, Kind::HuberLog | Kind::Huber | Kind::Asymmetric);
        for (given, fits, option, home) in [
            (self.delta.is_some(), huber, "--delta", "huber-log, huber or asymmetric"),
            (self.overestimate.is_some(), kind == Kind::Asymmetric, "--overestimate", "asymmetric"),
            (self.degrees.is_some(), kind == Kind::Student, "--degrees", "student"),
        ] {
            if given && !fits {
                let kind = kind.to_possible_value();
                let kind = kind.as_ref().map_or("this one", |kind| kind.get_name()).to_owned();
                return Err(Diagnostic::error(format!(
                    "`{option}` has no meaning for the objective `{kind}`"
                ))
                .help(format!("leave it out, or take --objective {home}")));
            }
        }
        Ok(())
    }
}

//! The names a program may use without defining them: data columns, parameters, drawn inputs.

/// How a name's values arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// A column with one value for each row, the same in every evaluation of a fit.
    Data,
    /// One number an evaluation: what a fit searches for.
    Parameter,
    /// A column of samples.
    Input,
}

/// One declared name.
#[derive(Debug, Clone)]
pub(crate) struct Declared {
    pub(crate) name: String,
    pub(crate) role: Role,
    /// `None`: to be inferred. The empty unit is a plain number.
    pub(crate) unit: Option<String>,
}

/// Names declared from outside the program, each with its role and unit.
///
/// Values of a declared name are given, and derivatives with respect to it taken, in its unit.
/// A name without a unit (`free`) gets its dimension by inference, and its values are in base
/// units.
///
/// ```
/// use formula::Environment;
///
/// let names = Environment::new()
///     .data("N", "")
///     .data("power", "MW[it]")
///     .free_parameter("A")
///     .parameter("alpha", "");
/// # let _ = names;
/// ```
#[derive(Debug, Clone, Default)]
pub struct Environment {
    pub(crate) names: Vec<Declared>,
}

impl Environment {
    /// No names.
    pub fn new() -> Self {
        Self::default()
    }

    /// A data column in `unit` (empty: a plain number).
    #[must_use]
    pub fn data(self, name: impl Into<String>, unit: impl Into<String>) -> Self {
        self.declare(name, Role::Data, Some(unit.into()))
    }

    /// A parameter in `unit` (empty: a plain number).
    #[must_use]
    pub fn parameter(self, name: impl Into<String>, unit: impl Into<String>) -> Self {
        self.declare(name, Role::Parameter, Some(unit.into()))
    }

    /// A parameter whose dimension follows from how it is used.
    #[must_use]
    pub fn free_parameter(self, name: impl Into<String>) -> Self {
        self.declare(name, Role::Parameter, None)
    }

    /// A column of samples in `unit`, such as draws of a fit.
    #[must_use]
    pub fn input(self, name: impl Into<String>, unit: impl Into<String>) -> Self {
        self.declare(name, Role::Input, Some(unit.into()))
    }

    /// Declares a name; `unit` is `None` where the dimension is to be inferred.
    #[must_use]
    pub fn declare(mut self, name: impl Into<String>, role: Role, unit: Option<String>) -> Self {
        let name = name.into();
        self.names.retain(|declared| declared.name != name);
        self.names.push(Declared { name, role, unit });
        self
    }
}

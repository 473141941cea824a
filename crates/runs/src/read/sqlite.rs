//! SQLite databases: MLflow's store and trackio's projects, opened for reading only.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::Duration;

use diagnostic::Diagnostic;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::mlflow;
use super::pivot::Pivot;
use super::wandb::flat;
use crate::builder::Builder;
use crate::place::Unit;

/// Why reading stops.
enum Stop {
    Sqlite(rusqlite::Error),
    Table(Diagnostic),
}

impl From<rusqlite::Error> for Stop {
    fn from(problem: rusqlite::Error) -> Self {
        Self::Sqlite(problem)
    }
}

impl From<Diagnostic> for Stop {
    fn from(problem: Diagnostic) -> Self {
        Self::Table(problem)
    }
}

/// Reads a tracker's database: one row a run and step, with the run's settings.
pub(super) fn read(name: &str, path: &Path, builder: &mut Builder) -> Result<(), Diagnostic> {
    builder.begin(name, Unit::Row);
    read_database(name, path, builder).map_err(|stop| match stop {
        Stop::Table(problem) => problem,
        Stop::Sqlite(problem) => explain(name, &problem),
    })
}

fn explain(name: &str, problem: &rusqlite::Error) -> Diagnostic {
    let found = Diagnostic::error(format!("cannot read the database `{name}`: {problem}"));
    match problem.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            found.help("another program is writing to it: wait, or read a copy of the file")
        }
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly) => found.help(
            "a database in WAL mode is read together with the `-wal` and `-shm` files beside it, \
             in a folder that can be written to; or read a copy",
        ),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            found.help("the file is damaged or was cut off; copy it again")
        }
        _ => found,
    }
}

fn read_database(name: &str, path: &Path, builder: &mut Builder) -> Result<(), Stop> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_with_flags(path, flags)?;
    database.busy_timeout(Duration::from_millis(500))?;
    // A file from anywhere must not run functions of its own choice.
    database.pragma_update(None, "trusted_schema", false)?;
    let tables =
        names(&database, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")?;
    let has = |table: &str| tables.iter().any(|known| known == table);
    if has("runs") && has("metrics") && has("params") {
        return mlflow_store(&database, builder);
    }
    if has("metrics") && has("configs") {
        return trackio_project(&database, builder);
    }
    let mut shown: Vec<&str> = tables.iter().take(20).map(String::as_str).collect();
    if shown.is_empty() {
        shown.push("none");
    }
    Err(Diagnostic::error(format!("the database `{name}` is neither MLflow's nor trackio's"))
        .note(format!("its tables are {}", shown.join(", ")))
        .help("export the table of runs as CSV")
        .into())
}

fn names(database: &Connection, query: &str) -> rusqlite::Result<Vec<String>> {
    database.prepare(query)?.query_map([], |row| row.get(0))?.collect()
}

/// One run of MLflow's store.
struct Run {
    id: String,
    name: String,
    status: &'static str,
}

fn mlflow_store(database: &Connection, builder: &mut Builder) -> Result<(), Stop> {
    let mut runs = database.prepare(
        "SELECT run_uuid, coalesce(name, ''), coalesce(status, ''), lifecycle_stage = 'deleted' \
         FROM runs ORDER BY start_time, run_uuid",
    )?;
    let all: Vec<(Run, bool)> = runs
        .query_map([], |row| {
            let status: String = row.get(2)?;
            let run = Run { id: row.get(0)?, name: row.get(1)?, status: mlflow::status(&status) };
            Ok((run, row.get::<_, Option<bool>>(3)?.unwrap_or(false)))
        })?
        .collect::<rusqlite::Result<_>>()?;
    let deleted = all.iter().filter(|(_, deleted)| *deleted).count();
    if deleted > 0 {
        let file = builder.file().to_owned();
        builder
            .remark(Diagnostic::warning(format!("`{file}`: {deleted} deleted runs were left out")));
    }
    let mut metrics = database.prepare(
        "SELECT rowid, key, value, step, is_nan FROM metrics WHERE run_uuid = ?1 \
         ORDER BY step, timestamp, rowid",
    )?;
    let mut parameters =
        database.prepare("SELECT key, value FROM params WHERE run_uuid = ?1 ORDER BY key")?;
    for (run, _) in all.iter().filter(|(_, deleted)| !deleted) {
        let base = if run.name.is_empty() { &run.id } else { &run.name };
        let label = builder.run_name(base, &run.id);
        let mut pivot = Pivot::new(builder, &label)?;
        let mut points = metrics.query([&run.id])?;
        while let Some(point) = points.next()? {
            let value = match point.get_ref(2)? {
                _ if point.get::<_, bool>(4)? => f64::NAN,
                ValueRef::Real(value) => of_store(value),
                ValueRef::Integer(value) => value as f64,
                _ => continue,
            };
            let (row, step): (i64, i64) = (point.get(0)?, point.get(3)?);
            let key: String = point.get(1)?;
            pivot.add(builder, step, row.max(0).cast_unsigned(), &key, value)?;
        }
        let rows = pivot.rows(builder);
        if rows.is_empty() {
            continue;
        }
        builder.constant(rows.clone(), "run_id", &run.id)?;
        builder.constant(rows.clone(), "status", run.status)?;
        let mut settings = parameters.query([&run.id])?;
        while let Some(setting) = settings.next()? {
            let (key, value): (String, String) = (setting.get(0)?, setting.get(1)?);
            builder.constant(rows.clone(), &key, &value)?;
        }
    }
    Ok(())
}

/// MLflow stores infinities as the largest numbers there are.
fn of_store(value: f64) -> f64 {
    if value == f64::MAX {
        f64::INFINITY
    } else if value == f64::MIN {
        f64::NEG_INFINITY
    } else {
        value
    }
}

fn trackio_project(database: &Connection, builder: &mut Builder) -> Result<(), Stop> {
    // Older versions tell runs apart by name alone.
    let columns: HashSet<String> =
        names(database, "SELECT name FROM pragma_table_info('metrics')")?.into_iter().collect();
    let id = if columns.contains("run_id") { "run_id" } else { "run_name" };
    let mut points = database.prepare(&format!(
        "SELECT id, {id}, run_name, step, timestamp, metrics FROM metrics ORDER BY id"
    ))?;
    let [run, run_id, step, timestamp] = [
        builder.column("run")?,
        builder.column("run_id")?,
        builder.column("step")?,
        builder.column("timestamp")?,
    ];
    let mut rows_of: HashMap<String, Vec<usize>> = HashMap::new();
    let mut points = points.query([])?;
    while let Some(point) = points.next()? {
        let number: i64 = point.get(0)?;
        let row = builder.row(number.max(0).cast_unsigned(), 0)?;
        let owner: String = point.get(1)?;
        let label = builder.run_name(&point.get::<_, String>(2)?, &owner);
        for (column, text) in [
            (run, label),
            (run_id, owner.clone()),
            (step, point.get::<_, i64>(3)?.to_string()),
            (timestamp, point.get(4)?),
        ] {
            let cell = builder.made(&text)?;
            builder.set(row, column, cell)?;
        }
        rows_of.entry(owner).or_default().push(row);
        let Some(json) = json_of(point.get_ref(5)?) else { continue };
        flat("", json, &mut |name, text| {
            let name = match name {
                "run" | "run_id" | "step" | "timestamp" => &format!("metric.{name}"),
                _ => name,
            };
            let cell = builder.made(text)?;
            let column = builder.column(name)?;
            builder.set(row, column, cell)
        })?;
    }
    let mut configs =
        database.prepare(&format!("SELECT {id}, config FROM configs ORDER BY {id}"))?;
    let mut configs = configs.query([])?;
    while let Some(config) = configs.next()? {
        let owner: String = config.get(0)?;
        let (Some(rows), Some(json)) = (rows_of.get(&owner), json_of(config.get_ref(1)?)) else {
            continue;
        };
        flat("", json, &mut |name, text| builder.constant(rows.iter().copied(), name, text))?;
    }
    Ok(())
}

/// JSON is kept as text or as bytes.
fn json_of(value: ValueRef<'_>) -> Option<&str> {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => std::str::from_utf8(bytes).ok(),
        _ => None,
    }
}

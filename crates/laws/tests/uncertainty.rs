//! Likelihoods of published constants, profiles and posteriors on the runs of Hoffmann et al. 2022
//! as digitised by Besiroglu et al. 2024. Needs the table: `ISOFLOP_REFERENCE` names its folder.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod reference;

use laws::{End, Fit, FitOptions, Profiled, Resampling, catalogue, fit};
use runs::{Flop, Observations, Request};

use reference::{near, table};

fn epoch(what: &str, options: &FitOptions) -> Option<(Fit, Observations)> {
    let table = table("chinchilla_epoch/runs.csv", what)?;
    let request = Request::default().filter("epoch_outlier=0".parse().unwrap());
    let observations = Observations::from_table(&table, &request).unwrap();
    let law = catalogue::find("chinchilla").unwrap();
    let fit = fit(&law, &observations, options).unwrap();
    Some((fit, observations))
}

fn set(e: f64, a: f64, b: f64, alpha: f64, beta: f64) -> Vec<(String, f64)> {
    [("E", e), ("A", a), ("B", b), ("alpha", alpha), ("beta", beta)]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
}

fn hoffmann_tex() -> Vec<(String, f64)> {
    let [e, a, b] = [0.526_722_8_f64, 6.007_340_4, 6.017_918_6].map(f64::exp);
    set(e, a, b, 0.339_170_84, 0.284_908_3)
}

#[test]
fn published_constants_have_their_published_likelihoods() {
    let options = FitOptions { bootstrap: 0, ..FitOptions::default() };
    let Some((fit, rows)) = epoch("likelihoods of published constants", &options) else { return };
    let rounded = set(1.69, 406.4, 410.7, 0.34, 0.28);
    let (tex, paper) = (hoffmann_tex(), set(1.8172, 482.01, 2085.43, 0.3478, 0.3658));
    let sets = [("rounded", "", &rounded[..]), ("tex", "", &tex[..]), ("paper", "", &paper[..])];
    let compared = fit.compare(&rows, &sets).unwrap();
    for (found, (objective, ln)) in compared.iter().zip([
        (0.004_121_01, Some(562.25)),
        (0.001_231_16, Some(837.78)),
        (0.001_022_84, None),
    ]) {
        eprintln!("{found:?}");
        near(&found.id, found.objective, objective, 4e-6);
        assert!(found.above > 0.004, "{found:?}");
        if let Some(ln) = ln {
            assert!((found.likelihood.ln - ln).abs() < 0.006, "{found:?}");
        }
    }
    let tex = &compared[1];
    assert!((tex.most.ln - 879.77).abs() < 0.02, "{tex:?}");
    assert!((tex.ratio - 84.0).abs() < 0.03 && tex.degrees == 5, "{tex:?}");
    near("p", tex.p, 1.2e-16, 0.05);
}

#[test]
fn every_published_set_of_the_catalogue_lies_above_the_optimum() {
    let options = FitOptions { bootstrap: 0, ..FitOptions::default() };
    let Some((fit, rows)) = epoch("published sets against the optimum", &options) else { return };
    let compared = fit.compare_published(&rows).unwrap();
    assert!(compared.len() >= 2, "{compared:?}");
    assert!(compared.iter().all(|set| set.above > 0.0 && set.ratio > 0.0), "{compared:?}");
    let besiroglu = compared.iter().find(|set| set.id.contains("besiroglu")).unwrap();
    near("Besiroglu", besiroglu.objective, 0.001_022_84, 1e-5);
}

#[test]
fn hoffmanns_constants_lie_as_far_from_the_bootstrap_as_published() {
    let options =
        FitOptions { bootstrap: 4000, resampling: Resampling::Runs, ..FitOptions::default() };
    let Some((fit, _)) = epoch("distance of Hoffmann's constants", &options) else { return };
    let distance = fit.distance_to(&hoffmann_tex()).unwrap();
    eprintln!("{distance:?}");
    assert_eq!(distance.degrees, 5);
    near("chi-square", distance.chi_square, 238.4, 0.15);
}

#[test]
fn profiles_and_draws_agree_on_240_runs() {
    let options = FitOptions { bootstrap: 1000, ..FitOptions::default() };
    let Some((fit, rows)) = epoch("profiles of 240 runs", &options) else { return };
    for (of, best) in [
        (Profiled::Parameter("alpha".to_owned()), fit.value_of("alpha").unwrap()),
        (Profiled::Exponent, fit.value_of("a").unwrap()),
        (Profiled::OptimalSize(Flop(5.76e23)), 7.22e10),
    ] {
        let profile = fit.profile(&rows, &of, 0.9).unwrap();
        eprintln!("{of:?}: {profile}");
        near("best", profile.best, best, 0.02);
        let (End::At(low), End::At(high)) = (profile.low, profile.high) else {
            panic!("{profile:?}")
        };
        assert!(low < profile.best && profile.best < high);
        assert!(profile.curve.windows(2).all(|pair| pair[0].0 <= pair[1].0));
        let draws = match &of {
            Profiled::Parameter(name) => fit.interval(name).unwrap(),
            Profiled::Exponent => fit.interval("a").unwrap(),
            Profiled::OptimalSize(compute) => {
                fit.optimum(*compute, &laws::Setting::new(), 0.9).unwrap()[0].parameters.unwrap()
            }
        };
        eprintln!("{of:?}: {draws:?}");
        let ratio = (high / low).ln() / (draws.high / draws.low).ln();
        assert!((0.6..1.6).contains(&ratio), "{of:?} {ratio} {draws:?}");
    }
}

#[test]
fn the_posterior_of_240_runs_says_how_it_was_drawn() {
    let options =
        FitOptions { bootstrap: 400, resampling: Resampling::Posterior, ..FitOptions::default() };
    let Some((fit, _)) = epoch("posterior of 240 runs", &options) else { return };
    eprintln!("{:?} {:?}", fit.bootstrap, fit.interval("alpha"));
    assert!(fit.bootstrap.walked == (fit.bootstrap.pareto_k.unwrap() > 0.7));
    assert_eq!(fit.draws.len(), 400);
    assert!(fit.interval("alpha").unwrap().contains(0.345));
}

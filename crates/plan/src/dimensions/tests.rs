use super::*;
use runs::Flop;

fn ask(name: &str, budget: f64, draws: usize) -> Question {
    Question { draws, ..Question::new(capability(name).unwrap(), Aim::Budget(Flop(budget))) }
}

#[test]
fn first_light() {
    for (name, budget) in [("maths-rl-samples", 1e24), ("aime-thinking", 1e25), ("tasks-from-loss", 1e22)] {
        let started = std::time::Instant::now();
        let split = ask(name, budget, 400).answer().unwrap_or_else(|p| panic!("{p}"));
        println!("{name} {:?}", started.elapsed());
        println!("{:?} {:?}", split.capability.best, split.capability.interval(0.9));
        for part in &split.parts {
            println!("{:?} {:e} {:.4} least {}", part.dimension, part.flop.best.get(), part.share.best, part.least);
        }
        for t in &split.through {
            println!("{} {:e} {:?} fold {:.5} hundredth {:.3e} held {:?}", t.choice.name, t.value.best, t.value.interval(0.9), t.per_fold.best, t.per_hundredth.best, t.held);
        }
        for p in &split.prices {
            println!("{:?} {:e} binds {}", p.limit, p.per_fold.best, p.binds);
        }
        println!("{:?}", split.certainty);
    }
}

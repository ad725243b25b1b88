//! Inputs that are almost right, from a corpus.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path as FilePath;
use std::time::{Duration, Instant};

const LONGEST: usize = 1500;
const SPECIAL: [u8; 8] = [0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff, 0x3f, 0xc0];

/// Changes an input in a few places, or puts two together.
struct Mutator {
    corpus: Vec<Vec<u8>>,
    numbers: fastrand::Rng,
}

impl Mutator {
    fn new(target: &str, seed: u64) -> Mutator {
        let folder = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
        let mut paths: Vec<_> = std::fs::read_dir(folder.join(target))
            .unwrap_or_else(|error| panic!("a corpus for {target}: {error}"))
            .map(|entry| entry.unwrap().path())
            .collect();
        paths.sort();
        let corpus: Vec<_> = paths.iter().map(|path| unhex(path)).collect();
        assert!(!corpus.is_empty(), "{target}");
        Mutator {
            corpus,
            numbers: fastrand::Rng::with_seed(seed),
        }
    }

    fn pick(&mut self) -> Vec<u8> {
        let at = self.numbers.usize(..self.corpus.len());
        self.corpus[at].clone()
    }

    fn next(&mut self) -> Vec<u8> {
        let mut input = self.pick();
        for _ in 0..self.numbers.usize(..6) {
            let at = self.numbers.usize(..=input.len());
            let numbers = &mut self.numbers;
            match numbers.u8(..7) {
                0 if at < input.len() => input[at] ^= 1 << numbers.u8(..8),
                1 if at < input.len() => input[at] = SPECIAL[numbers.usize(..SPECIAL.len())],
                2 if at < input.len() => input[at] = numbers.u8(..),
                3 => input.truncate(at),
                4 => input.insert(at, numbers.u8(..)),
                5 if at < input.len() => {
                    input.remove(at);
                }
                _ => {
                    let other = self.pick();
                    let from = self.numbers.usize(..=other.len());
                    input.truncate(at);
                    input.extend(&other[from..]);
                }
            }
            input.truncate(LONGEST);
        }
        input
    }
}

/// A corpus file: hexadecimal digits; lines that begin with # say what it is.
fn unhex(path: &FilePath) -> Vec<u8> {
    let text = std::fs::read_to_string(path).unwrap();
    let digits: Vec<u32> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .flat_map(str::chars)
        .filter_map(|digit| digit.to_digit(16))
        .collect();
    digits
        .chunks(2)
        .map(|pair| (pair[0] * 16 + pair[1]) as u8)
        .collect()
}

/// Feed a target, which says whether it took the input, and say which one it failed on.
pub fn fuzz(target: &str, inputs: usize, mut run: impl FnMut(&[u8]) -> bool) {
    let seconds = std::env::var("FUZZ_SECONDS").ok();
    let budget = seconds.map(|text| Duration::from_secs(text.parse().expect("whole seconds")));
    let seed = budget.map_or(1, |_| fastrand::u64(..));
    let mut mutator = Mutator::new(target, seed);
    let start = Instant::now();
    let (mut count, mut taken) = (0, 0);
    while budget.map_or(count < inputs, |budget| start.elapsed() < budget) {
        let input = if count < mutator.corpus.len() {
            mutator.corpus[count].clone()
        } else {
            mutator.next()
        };
        let held = catch_unwind(AssertUnwindSafe(|| run(&input)));
        let hex: String = input.iter().map(|byte| format!("{byte:02x}")).collect();
        let took = held.unwrap_or_else(|_| panic!("{target}, seed {seed}, input {count}: {hex}"));
        taken += usize::from(took);
        count += 1;
    }
    println!("{target}: {count} inputs, {taken} of them taken, seed {seed}");
    assert!(
        taken > count / 20,
        "{target}: only {taken} of {count} were read at all"
    );
}

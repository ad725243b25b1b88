//! Sessions through the engine's core, by subject; one program, because linking each takes seconds.

mod mutator;
mod world;

mod bandwidth;
mod client;
mod forwarding;
mod fuzz;
mod fuzz_srtp;
mod hostile;
mod layers;
mod offers;
mod remb;
mod repairs;
mod restart;
mod streams;
mod tcp;
mod transport;

#[test]
fn every_file_beside_this_one_is_part_of_it() {
    let here = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");
    for entry in std::fs::read_dir(here).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        if let Some(name) = file.strip_suffix(".rs").filter(|name| *name != "all") {
            let line = format!("\nmod {name};\n");
            assert!(include_str!("all.rs").contains(&line), "{file}");
        }
    }
}

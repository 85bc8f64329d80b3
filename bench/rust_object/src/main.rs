// SPDX-License-Identifier: MIT
//! What bench_object.c does, by the crate serde-pickle; bench/run_object drives it. See there.
use serde_pickle::{value_from_slice, value_to_vec, DeOptions, SerOptions, Value};
use std::io::{BufRead, Write};
use std::time::Instant;

fn load(data: &[u8]) -> Value {
    value_from_slice(data, DeOptions::new()).unwrap()
}

fn dump(value: &Value) -> Vec<u8> {
    value_to_vec(value, SerOptions::new()).unwrap()
}

fn measure(data: &[u8], kept: &mut Option<Value>, what: &str) -> u128 {
    if what == "dump" {
        let value = kept.get_or_insert_with(|| load(data));
        let begin = Instant::now();
        let dumped = dump(value);
        let took = begin.elapsed();
        drop(dumped);
        return took.as_nanos();
    }
    let begin = Instant::now();
    let value = load(data);
    let took = begin.elapsed();
    drop(value);
    let all = begin.elapsed();
    match what {
        "load" => took.as_nanos(),
        "load+free" => all.as_nanos(),
        _ => panic!("{what}: there is no such thing to measure"),
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let data = std::fs::read(&arguments[3]).unwrap();
    let mut kept = None;
    match arguments[1].as_str() {
        "once" => match arguments[4].as_str() {
            "nothing" => (),
            "loaded" => drop(load(&data)),
            what => drop(measure(&data, &mut kept, what)),
        },
        "serve" => {
            for line in std::io::stdin().lock().lines() {
                let line = line.unwrap();
                let (what, count) = line.split_once(' ').unwrap();
                let count: usize = count.parse().unwrap();
                let mut times: Vec<u128> = (0..count).map(|_| measure(&data, &mut kept, what)).collect();
                times.sort_unstable();
                println!("{}", times[count / 2]);
                std::io::stdout().flush().unwrap();
            }
        }
        how => panic!("{how} is not to be had"),
    }
}

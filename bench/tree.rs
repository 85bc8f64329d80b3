// SPDX-License-Identifier: MIT
//! Removes a tree as Rust's standard library does and prints the nanoseconds; for bench/run_tree.
fn main() {
    let path = std::env::args().nth(1).expect("usage: tree PATH");
    let begin = std::time::Instant::now();
    std::fs::remove_dir_all(path).unwrap();
    println!("{}", begin.elapsed().as_nanos());
}

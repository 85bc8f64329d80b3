// SPDX-License-Identifier: MIT
//! One round of the Rust crate tempfile: lines of "case contender nanoseconds", as bench.c prints.
use std::io::{Read, Seek, Write};
use std::time::Instant;
use tempfile::{Builder, NamedTempFile, SpooledTempFile, TempDir};

const KIB: usize = 1024;
const MIB: usize = 1024 * 1024;

fn spool(dir: &str, block: &[u8], back: &mut [u8], size: usize, piece: usize, max: usize) {
    let mut file: SpooledTempFile = tempfile::spooled_tempfile_in(max, dir);
    for part in block[..size].chunks(piece) {
        file.write_all(part).unwrap();
    }
    file.rewind().unwrap();
    for _ in 0..size / piece {
        file.read_exact(&mut back[..piece]).unwrap();
    }
}

fn turn(run: &mut dyn FnMut(), repeat: u32) -> f64 {
    let begin = Instant::now();
    for _ in 0..repeat {
        run();
    }
    begin.elapsed().as_nanos() as f64 / f64::from(repeat)
}

fn main() {
    let dir = std::env::args().nth(1).expect("usage: bench-rust DIRECTORY");
    let dir = dir.as_str();
    let block = vec![b'x'; 64 * MIB];
    let mut back = vec![b'x'; MIB];
    let mut measure = |name: &str, repeat: u32, run: &mut dyn FnMut()| {
        turn(run, repeat / 10 + 1);
        let best = (0..6).map(|_| turn(run, repeat)).fold(f64::MAX, f64::min);
        println!("{name}\trust\t{best:.1}");
    };
    measure("named", 3000, &mut || drop(NamedTempFile::new_in(dir).unwrap()));
    measure("unnamed", 3000, &mut || drop(tempfile::tempfile_in(dir).unwrap()));
    measure("mkstemp", 3000, &mut || {
        let (file, path) = Builder::new().tempfile_in(dir).unwrap().keep().unwrap();
        std::fs::remove_file(path).unwrap();
        drop(file);
    });
    measure("directory", 2000, &mut || drop(TempDir::new_in(dir).unwrap()));
    measure("spool 1 KiB", 20000, &mut || spool(dir, &block, &mut back, KIB, KIB, 64 * KIB));
    measure("spool 1 MiB", 60, &mut || spool(dir, &block, &mut back, MIB, MIB, 2 * MIB));
    measure("spool 64 MiB", 1, &mut || spool(dir, &block, &mut back, 64 * MIB, 65536, 8 * MIB));
}

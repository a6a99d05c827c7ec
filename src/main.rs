//! The program: reads its arguments, does what they say, and exits 0, 1 where it failed, or 2 where they make no sense.

use std::process::ExitCode;

use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    portcullis::command::run()
}

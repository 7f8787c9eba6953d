//! The command `blackstart`; see [`blackstart::cli`].

fn main() -> std::process::ExitCode {
    blackstart::cli::main(std::env::args_os()).into()
}

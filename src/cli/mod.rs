//! (to come)
pub fn main() -> std::process::ExitCode {
    if std::env::args().nth(2).as_deref() == Some("check-index") {
        return crate::state::check::internal_main();
    }
    std::process::ExitCode::SUCCESS
}

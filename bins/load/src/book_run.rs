//! Empty.
pub(crate) async fn run(_: crate::cli::BookArgs) -> anyhow::Result<()> {
    Ok(())
}

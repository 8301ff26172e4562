//! Empty.
pub(crate) async fn run(_: crate::cli::PrivateArgs) -> anyhow::Result<()> {
    Ok(())
}

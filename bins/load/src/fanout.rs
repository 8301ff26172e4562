//! Empty.
pub(crate) async fn run(_: crate::cli::FanoutArgs) -> anyhow::Result<()> {
    Ok(())
}

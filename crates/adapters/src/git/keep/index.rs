//! What is only staged: kept as a tree under a ref of its own, where a file holds neither what HEAD has nor what was
//! staged, and put back.
//! Refuses to: keep an index that is not merged, or to replace what was staged since.

use refit_engine::ports::StepError;
use refit_model::step::KeptPlace;

use super::super::hand::Hand;
use super::super::hazard::Purpose;
use super::REFS;

/// Ends the name of the ref; no other kept one ends so.
const ENDING: &str = "-index";

/// Whether a kept ref is one of these.
pub(super) fn is_of_index(name: &str) -> bool {
    name.ends_with(ENDING)
}

/// Whether a file was staged and then changed once more, or deleted. What is not merged yet stands in its file, with
/// both sides; an index in that state is no version that could be kept.
pub(super) fn is_only_staged(status: &[u8]) -> bool {
    let mut records = status.split(|byte| *byte == 0);
    let differs_twice = |record: &[u8]| match record {
        [b'1', b' ', staged, unstaged, ..] => !matches!(staged, b'.' | b'D') && *unstaged != b'.',
        _ => false,
    };
    let is_unmerged = status.starts_with(b"u ") || status.windows(3).any(|bytes| bytes == b"\0u ");
    !is_unmerged && records.any(differs_twice)
}

/// Keeps the index as a tree, under a ref of its own: `git checkout <ref> -- <file>` gives back what was staged.
pub(super) async fn keep(hand: &Hand<'_>, kept: &KeptPlace) -> Result<String, StepError> {
    let name = format!("{REFS}/{}{ENDING}", kept.key);
    let tree = index_tree(hand).await?;
    hand.write("keeping what is staged", ["update-ref", &name, &tree]).await?;
    Ok(name)
}

/// Writes the index down as a tree and answers its id.
async fn index_tree(hand: &Hand<'_>) -> Result<String, StepError> {
    let outcome = hand.run(hand.command(Purpose::Write)?.arg("write-tree")).await?;
    let written = hand.require(outcome, "writing down what is staged")?;
    Ok(String::from_utf8_lossy(&written.stdout).trim().to_owned())
}

/// The index is as it was again, or still: true. Where it is neither that nor HEAD's, somebody staged something since,
/// and the kept one stays where it is.
pub(super) async fn put_back(hand: &Hand<'_>, name: &str) -> Result<bool, StepError> {
    let asked = hand.ask(["rev-parse", "--quiet", "--verify", &format!("{name}^{{tree}}")]).await?;
    if !asked.success() {
        return Ok(true);
    }
    let kept = String::from_utf8_lossy(&asked.stdout).trim().to_owned();
    if index_tree(hand).await? != kept {
        if !hand.ask(["diff-index", "--cached", "--quiet", "HEAD", "--"]).await?.success() {
            return Ok(false);
        }
        hand.write("staging again what was staged", ["read-tree", &kept]).await?;
    }
    hand.write("letting go of what was kept", ["update-ref", "-d", name]).await?;
    Ok(true)
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;

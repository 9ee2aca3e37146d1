//! Representative runs, made against the real binary and compared event by event with
//! the texts in `tests/histories`. `MAINSPRING_BLESS=1` writes those texts anew.
//!
//! The histories themselves are left as JSON in `histories` in the target folder, where
//! the tests with official SDKs read them.

mod activities;
mod blocked;
mod lives;
mod messages;
mod others;

use std::path::{Path, PathBuf};

use futures::{FutureExt, StreamExt, stream};
use mainspring_tests::histories::Story;
use mainspring_tests::{component_of, target_folder};

use mainspring_tests::stage::Stage;

/// How many stories are played at once.
const AT_ONCE: usize = 6;

#[tokio::test(flavor = "multi_thread")]
async fn every_run_has_the_history_that_is_kept_of_it() {
    let stories = play().await;
    assert!(stories.len() >= 30, "{} stories", stories.len());
    let saved = target_folder().join("histories");
    // What an earlier build left is no evidence.
    let _ = std::fs::remove_dir_all(&saved);
    let mut troubles = Vec::new();
    for story in &stories {
        story
            .save(&saved)
            .expect("the target folder can be written");
        troubles.extend(story.check(&folder()).err());
    }
    troubles.extend(strangers(&stories));
    assert!(troubles.is_empty(), "{}", troubles.join("\n\n"));
}

#[test]
fn the_read_me_lists_every_run() {
    let text = std::fs::read_to_string(folder().join("README.md")).expect("it is there");
    for name in kept() {
        assert!(text.contains(&format!("({name}.txt)")), "{name} is missing");
    }
}

async fn play() -> Vec<Story> {
    let kit = component_of("tests/workflows");
    let order = component_of("examples/order/workflow");
    let stage = Stage::set(&[("kit", kit), ("order", order)]).await;
    for (name, kind) in [("Colour", "Keyword"), ("Size", "Int")] {
        let create = ["search-attribute", "create", "--name", name, "--type", kind];
        let (said, created) = stage.server.cli(&create);
        assert!(created, "{said}");
    }
    let mut stories = activities::stories(&stage);
    stories.extend(messages::stories(&stage));
    stories.extend(lives::stories(&stage));
    stories.extend(others::stories(&stage));
    stories.extend([blocked::limit().boxed(), blocked::unhandled().boxed()]);
    stream::iter(stories)
        .buffer_unordered(AT_ONCE)
        .collect()
        .await
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("histories")
}

/// The names of the texts that are kept.
fn kept() -> Vec<String> {
    let entries = std::fs::read_dir(folder()).expect("the folder is there");
    let names = entries.map(|entry| entry.expect("it can be read").file_name());
    let names = names.map(|name| name.to_string_lossy().into_owned());
    names
        .filter_map(|name| name.strip_suffix(".txt").map(str::to_owned))
        .collect()
}

/// Texts of stories that nobody tells any more.
fn strangers(stories: &[Story]) -> Vec<String> {
    let told = |name: &str| stories.iter().any(|story| story.name() == name);
    let strangers = kept().into_iter().filter(|name| !told(name));
    strangers
        .map(|name| format!("tests/histories/{name}.txt is of no story; remove it"))
        .collect()
}

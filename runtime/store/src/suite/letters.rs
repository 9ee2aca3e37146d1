//! Letters between runs, and open children.

use mainspring_engine::transition::{ChildRow, LetterStage, OutboxRow, TakenLetter, Transition};

use super::{Applied, Conflict, commit, key, next, run_id, start};
use crate::Store;

fn letter(n: u128, event_id: i64, stage: LetterStage, to: u128) -> OutboxRow {
    OutboxRow {
        run_id: run_id(n),
        event_id,
        stage,
        to: key(to),
        letter: vec![event_id as u8].into(),
    }
}

fn child(n: u128, event_id: i64, state: u8) -> ChildRow {
    ChildRow {
        run_id: run_id(n),
        initiated_event_id: event_id,
        state: vec![state],
    }
}

/// What the receiver commits, with its answer.
fn taken(letter: &OutboxRow, answer: Option<(u128, u8)>) -> TakenLetter {
    TakenLetter {
        run_id: letter.run_id,
        event_id: letter.event_id,
        stage: letter.stage,
        answer: answer.map(|(to, byte)| (key(to), vec![byte].into())),
    }
}

/// Run 1 has sent a letter to run 2, at event 5.
async fn sent(store: &dyn Store) -> OutboxRow {
    let row = letter(1, 5, LetterStage::Sent, 2);
    let mut sender = start(1);
    sender.runs[0].outbox = vec![row.clone(), letter(1, 6, LetterStage::Held, 2)];
    sender.runs[0].children = vec![child(1, 5, 1), child(1, 9, 1)];
    assert_eq!(commit(store, vec![sender, start(2)]).await, [Applied; 2]);
    row
}

/// Exactly once: the row says how far a letter has come, and a commit that
/// believes otherwise is refused whole.
pub async fn a_letter_is_taken_once_and_answered_once(store: &dyn Store) {
    let row = sent(store).await;
    assert_eq!(
        store.load_letter(run_id(1), 5).await.unwrap(),
        Some(row.clone())
    );
    let receive = |version| {
        let mut receiver = next(2, version);
        receiver.taken = vec![taken(&row, Some((1, 77)))];
        receiver
    };
    assert_eq!(commit(store, vec![receive(2)]).await, [Applied]);
    assert_eq!(commit(store, vec![receive(3)]).await, [Conflict], "again");
    let answered = store.load_letter(run_id(1), 5).await.unwrap().unwrap();
    assert_eq!(answered.stage, LetterStage::Answered);
    assert_eq!((answered.to, &*answered.letter), (key(1), &[77][..]));

    let mut sender = next(1, 2);
    sender.runs[0].delivered = vec![5];
    sender.runs[0].children = vec![child(1, 9, 2)];
    sender.runs[0].closed_children = vec![5];
    sender.runs[0].outbox = vec![letter(1, 6, LetterStage::Sent, 2)];
    assert_eq!(commit(store, vec![sender]).await, [Applied]);
    assert_eq!(store.load_letter(run_id(1), 5).await.unwrap(), None);
    let image = store.load_run(&key(1), run_id(1)).await.unwrap().unwrap();
    assert_eq!(image.children, [child(1, 9, 2)]);
    assert_eq!(image.outbox, [letter(1, 6, LetterStage::Sent, 2)]);
    assert_eq!(commit(store, vec![receive(3)]).await, [Conflict], "gone");
}

/// A close that takes a letter back comes behind whoever has taken it, and before
/// whoever comes later.
pub async fn a_sender_that_closes_has_the_last_word_on_its_letters(store: &dyn Store) {
    let row = sent(store).await;
    let closing = letter(1, 5, LetterStage::Closing, 2);
    let mut sender = next(1, 2);
    sender.runs[0].outbox = vec![closing.clone()];
    let mut receiver = next(2, 2);
    receiver.taken = vec![taken(&row, Some((1, 77)))];
    assert_eq!(commit(store, vec![receiver, sender]).await, [Applied; 2]);
    let stored = store.load_letter(run_id(1), 5).await.unwrap();
    assert_eq!(stored, Some(closing.clone()));
    let mut late = next(2, 3);
    late.taken = vec![taken(&row, Some((1, 78)))];
    assert_eq!(commit(store, vec![late]).await, [Conflict]);
    let told = Transition {
        taken: vec![taken(&closing, None)],
        ..Transition::default()
    };
    assert_eq!(commit(store, vec![told]).await, [Applied]);
    assert_eq!(store.load_letter(run_id(1), 5).await.unwrap(), None);
}

/// What a restart sends again.
pub async fn letters_on_their_way_come_in_pages(store: &dyn Store) {
    for n in 1..=5_u128 {
        let mut sender = start(n);
        sender.runs[0].outbox = vec![
            letter(n, 5, LetterStage::Sent, 9),
            letter(n, 6, LetterStage::Held, 9),
            letter(n, 7, LetterStage::Answered, 9),
        ];
        commit(store, vec![sender]).await;
    }
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = store.letters(after, 3).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some((last.run_id, last.event_id));
        seen.extend(page.iter().map(|row| (row.run_id, row.event_id)));
    }
    let expected = (1..=5).flat_map(|n| [(run_id(n), 5), (run_id(n), 7)]);
    assert_eq!(seen, expected.collect::<Vec<_>>());
}

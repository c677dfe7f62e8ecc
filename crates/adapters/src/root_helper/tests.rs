use std::sync::{Arc, Mutex};

use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixListener;

use super::serve::{HelperRules, serve};
use super::*;

/// Serves one connection as systemd would have it served.
fn serve_one(folder: &Path) -> RootHelper {
    let socket = folder.join("root.sock");
    let listener = UnixListener::bind(&socket).expect("a socket");
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a connection");
        let stream = stream.into_std().expect("a stream");
        stream.set_nonblocking(false).expect("a blocking one");
        serve(stream, &HelperRules::default()).await
    });
    RootHelper::at(socket)
}

fn nobody() -> Tell {
    Arc::new(|_: &str| {})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_unit_is_refused_in_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let helper = serve_one(folder.path());
    let refused = helper.unit(Verb::Restart, "foreign").await.expect("it is there").expect_err("not allowed");
    // A tester who is neither root nor in the group is refused even earlier.
    assert!(
        matches!(&refused, HelperError::Refused(why) if why.contains("foreign") || why.contains("group")),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_an_end_is_refused_and_not_waited_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let helper = serve_one(folder.path());
    let mut stream = UnixStream::connect(&helper.socket).await.expect("a connection");
    let _cut = stream.write_all(&vec![b'x'; request::LONGEST + 100]).await;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).await.expect("an answer");
    assert!(answer.contains("refused"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_told_and_an_answer_that_is_cut_is_no_success() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("root.sock");
    let listener = UnixListener::bind(&socket).expect("a socket");
    tokio::spawn(async move {
        for answer in [
            "{\"line\":\"one\"}\n",
            "{\"line\":\"two\"}\n{\"done\":true}\n",
            "{\"failed\":\"no\",\"locked\":true}\n",
            "x\n",
        ] {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            stream.write_all(answer.as_bytes()).await.expect("an answer");
        }
    });
    let helper = RootHelper::at(&socket);
    let told = Arc::new(Mutex::new(Vec::new()));
    let hears = Arc::clone(&told);
    let tell: Tell = Arc::new(move |line: &str| hears.lock().expect("a list").push(line.to_owned()));
    assert!(matches!(helper.ask(&Request::Mend {}, &tell).await, Err(HelperError::Silent(_))));
    assert_eq!(helper.ask(&Request::Mend {}, &tell).await, Ok(()));
    assert_eq!(*told.lock().expect("a list"), ["one", "two"]);
    let failed = HelperError::Failed { why: "no".to_owned(), locked: true };
    assert_eq!(helper.ask(&Request::Mend {}, &nobody()).await, Err(failed));
    assert!(matches!(helper.ask(&Request::Mend {}, &nobody()).await, Err(HelperError::Silent(_))));
}

#[tokio::test]
async fn where_there_is_none_nothing_is_asked() {
    let helper = RootHelper::at("/nowhere/at/all");
    assert!(!helper.is_there());
    assert_eq!(helper.unit(Verb::Stop, "klipper").await, None);
}

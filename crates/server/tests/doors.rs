//! The doors as clients meet them: what is pushed, what is refused, who is dropped.

mod support;
use support::start;

#[tokio::test(flavor = "multi_thread")]
async fn smoke() {
    let server = start().await;
    println!("{:?}", server.http("GET", "/machine/update/status", &[], b"").await);
    println!("{:?}", server.http("GET", "/server/info", &[], b"").await);
    println!("{:?}", server.http("POST", "/machine/update/upgrade?name=zzé", &[], b"").await);
    let mut ws = server.socket().await;
    println!("{:?}", ws.head);
    println!("{:?}", ws.ask(r#"{"jsonrpc":"2.0","method":"server.info","id":1}"#).await);
    println!("{:?}", ws.see().await);
    let mut pipe = server.pipe().await;
    println!("{:?}", pipe.ask(r#"{"jsonrpc":"2.0","method":"machine.update.status","id":1}"#).await);
    server.stop().await;
    println!("{:?} {:?}", ws.next().await, ws.next().await);
    println!("{:?}", pipe.next().await);
}

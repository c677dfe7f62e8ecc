//! One message of a client: note it, do it, answer it when it has an id.

use serde_json::{Map, Value, json};

use super::client::{view, visible};
use super::{Asked, Inner, KlippyState};

/// What can be asked, as `list_endpoints` tells it.
const ENDPOINTS: [&str; 13] = [
    "list_endpoints",
    "gcode/restart",
    "gcode/firmware_restart",
    "gcode/script",
    "gcode/subscribe_output",
    "gcode/help",
    "info",
    "emergency_stop",
    "register_remote_method",
    "objects/list",
    "objects/query",
    "objects/subscribe",
    "pause_resume/pause",
];

/// Handles a message. One that is no request is dropped, as the real one does it.
pub(super) fn answer(inner: &mut Inner, client: u64, message: &[u8], eventtime: f64) {
    let Ok(request) = serde_json::from_slice::<Value>(message) else { return };
    let Some(method) = request["method"].as_str().map(str::to_owned) else { return };
    let (params, id) = (request["params"].clone(), request["id"].clone());
    inner.asked.push(Asked { method: method.clone(), params: params.clone(), id: id.clone() });
    if inner.silent {
        return;
    }
    let outcome = match inner.failing.get(&method) {
        Some(message) => Err(message.clone()),
        None => outcome(inner, client, &method, &params, eventtime),
    };
    if !id.is_null() {
        reply(inner, client, &id, outcome);
    }
    inner.tell(eventtime);
}

fn reply(inner: &mut Inner, client: u64, id: &Value, outcome: Result<Value, String>) {
    let (spoiled, framing) = (inner.spoiled.take(), inner.framing);
    let Some(client) = inner.clients.iter_mut().find(|c| c.id() == client) else { return };
    match (spoiled, outcome) {
        (Some(bytes), _) => client.write_raw(&bytes),
        (None, Ok(result)) => client.send(&json!({"id": id, "result": result}), framing),
        (None, Err(message)) => {
            client.send(&json!({"id": id, "error": {"error": "WebRequestError", "message": message}}), framing);
        }
    }
}

fn outcome(inner: &mut Inner, client: u64, method: &str, params: &Value, eventtime: f64) -> Result<Value, String> {
    match method {
        "info" => Ok(Value::Object(inner.info.clone())),
        "list_endpoints" => Ok(json!({"endpoints": ENDPOINTS})),
        "objects/list" => {
            let names: Vec<&String> = inner.objects.keys().filter(|name| visible(name, &inner.objects)).collect();
            Ok(json!({"objects": names}))
        }
        "objects/query" => {
            let wanted = wanted(params)?;
            Ok(json!({"eventtime": eventtime, "status": view(&wanted, &inner.objects)}))
        }
        "objects/subscribe" => {
            let (wanted, template) = (wanted(params)?, template(params));
            let Inner { clients, objects, .. } = inner;
            let client = clients.iter_mut().find(|c| c.id() == client).ok_or("the client has gone")?;
            Ok(json!({"eventtime": eventtime, "status": client.subscribe(wanted, template, objects)}))
        }
        "gcode/subscribe_output" | "register_remote_method" => {
            let client = inner.clients.iter_mut().find(|c| c.id() == client).ok_or("the client has gone")?;
            match params["remote_method"].as_str() {
                Some(method) => client.register(method, template(params)),
                None => client.subscribe_output(template(params)),
            }
            Ok(json!({}))
        }
        "emergency_stop" => {
            inner.set_state(KlippyState::Shutdown);
            Ok(json!({}))
        }
        known if ENDPOINTS.contains(&known) => Ok(json!({})),
        unknown => Err(format!("webhooks: No registered callback for path '{unknown}'")),
    }
}

fn wanted(params: &Value) -> Result<Map<String, Value>, String> {
    params["objects"].as_object().cloned().ok_or_else(|| "Missing Argument [objects]".to_owned())
}

fn template(params: &Value) -> Map<String, Value> {
    params["response_template"].as_object().cloned().unwrap_or_default()
}

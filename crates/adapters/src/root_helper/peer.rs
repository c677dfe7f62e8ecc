//! Who asks: root, or a member of the group refit, by what the kernel says of the other end of the socket and the user
//! database of its groups.
//! Refuses to: believe anything that the other end says of itself.

use std::ffi::CString;
use std::os::fd::AsFd;

use nix::unistd::{Gid, Group, Uid, User, getgrouplist};
use rustix::net::sockopt::socket_peercred;

/// The group whose members may ask, as the polkit rule has it.
const GROUP: &str = "refit";

/// Why somebody may not ask, in words; none when they may.
pub(super) fn objection(socket: impl AsFd) -> Option<String> {
    let peer = match socket_peercred(socket) {
        Ok(peer) => peer,
        Err(error) => return Some(format!("who asks is not known ({error})")),
    };
    let uid = Uid::from_raw(peer.uid.as_raw());
    let group = Group::from_name(GROUP).ok().flatten().map(|group| group.gid);
    if uid.is_root() || group.is_some_and(|group| is_member(uid, group)) {
        return None;
    }
    Some(format!("the user {uid} is not in the group {GROUP}"))
}

/// By the user database and not by the process: what an administrator took away is gone at once.
fn is_member(uid: Uid, group: Gid) -> bool {
    let Ok(Some(user)) = User::from_uid(uid) else { return false };
    let Ok(name) = CString::new(user.name) else { return false };
    getgrouplist(&name, user.gid).is_ok_and(|groups| groups.contains(&group))
}

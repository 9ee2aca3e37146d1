//! What comes from outside and is wrong: code, files, requests, the disk. Each is
//! refused or held up by itself, with a sentence; nothing else notices.

mod code;
mod damage;
mod deletion;
mod disk;
mod kit;
mod read_only;
mod requests;
mod sizes;
mod uploads;
mod volume;

//! The behaviours of Portcullis, told through its front door.

mod store_contract;

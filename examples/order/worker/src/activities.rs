//! The five activities. Each may be tried more than once, so each does its work
//! under a key that makes a second try harmless.

// The attribute makes a constant of each activity for workflows written with the
// same SDK; the workflow of this story is a component and names them itself.
#![allow(dead_code)]

use std::sync::Arc;
use std::time::Duration;

use temporalio_sdk::activities::{ActivityContext, ActivityError, activities};

use crate::shop::Shop;

/// The activities of an order, over the shop's database.
pub struct OrderActivities {
    /// Where they leave their traces.
    pub shop: Shop,
    /// How long each takes.
    pub step_time: Duration,
}

#[activities]
impl OrderActivities {
    /// Takes the order's items out of stock.
    #[activity(name = "ReserveInventory")]
    async fn reserve_inventory(
        self: Arc<Self>,
        _ctx: ActivityContext,
        order_id: String,
    ) -> Result<(), ActivityError> {
        self.work("reserving inventory", &order_id).await;
        Ok(self.shop.reserve(&order_id).await?)
    }

    /// Charges the order. The payment provider knows charges by their key and
    /// makes one only once; it counts how often it was asked.
    #[activity(name = "ChargePayment")]
    async fn charge_payment(
        self: Arc<Self>,
        _ctx: ActivityContext,
        order_id: String,
    ) -> Result<(), ActivityError> {
        self.work("charging payment", &order_id).await;
        Ok(self.shop.charge(&order_id).await?)
    }

    /// Writes the invoice.
    #[activity(name = "GenerateInvoice")]
    async fn generate_invoice(
        self: Arc<Self>,
        _ctx: ActivityContext,
        order_id: String,
    ) -> Result<(), ActivityError> {
        self.work("generating invoice", &order_id).await;
        Ok(self.shop.note("invoice", &order_id).await?)
    }

    /// Tells the user.
    #[activity(name = "SendConfirmationEmail")]
    async fn send_confirmation_email(
        self: Arc<Self>,
        _ctx: ActivityContext,
        user_id: String,
    ) -> Result<(), ActivityError> {
        self.work("sending confirmation email", &user_id).await;
        Ok(self.shop.note("email", &user_id).await?)
    }

    /// Has the order shipped.
    #[activity(name = "NotifyWarehouse")]
    async fn notify_warehouse(
        self: Arc<Self>,
        _ctx: ActivityContext,
        order_id: String,
    ) -> Result<(), ActivityError> {
        self.work("notifying warehouse", &order_id).await;
        Ok(self.shop.note("shipment", &order_id).await?)
    }
}

impl OrderActivities {
    async fn work(&self, what: &str, about: &str) {
        println!("worker {}: {what} for {about}", std::process::id());
        tokio::time::sleep(self.step_time).await;
    }
}

"""The five activities. Each may be tried more than once, so each does its work under a
key that makes a second try harmless."""

import os
import sqlite3

from temporalio import activity


def shop() -> sqlite3.Connection:
    """The shop's own database: business data, apart from any workflow's state."""
    connection = sqlite3.connect(os.environ.get("SHOP_DB", "shop.db"), timeout=10)
    with connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS done "
            "(what TEXT, about TEXT, asked INTEGER DEFAULT 1, PRIMARY KEY (what, about))"
        )
    return connection


def once(what: str, about: str) -> None:
    """Notes a deed under its key; counts how often it was asked for."""
    connection = shop()
    with connection:
        connection.execute(
            "INSERT INTO done (what, about) VALUES (?, ?) "
            "ON CONFLICT DO UPDATE SET asked = asked + 1",
            (what, about),
        )
    connection.close()


@activity.defn(name="ReserveInventory")
def reserve_inventory(order_id: str) -> None:
    once("reservation", order_id)


@activity.defn(name="ChargePayment")
def charge_payment(order_id: str) -> None:
    once("charge", order_id)


@activity.defn(name="GenerateInvoice")
def generate_invoice(order_id: str) -> None:
    once("invoice", order_id)


@activity.defn(name="SendConfirmationEmail")
def send_confirmation_email(user_id: str) -> None:
    once("email", user_id)


@activity.defn(name="NotifyWarehouse")
def notify_warehouse(order_id: str) -> None:
    once("shipment", order_id)


ALL = [
    reserve_inventory, charge_payment, generate_invoice, send_confirmation_email,
    notify_warehouse,
]

"""tekana in your own process: two customers, some money, and a repeated transfer.

python examples/quickstart.py
"""

import asyncio

from tekana import LOCAL_OPERATOR, DepositFunds, InsufficientFunds, RegisterCustomer, TransferFunds, connect


async def main() -> None:
    """Register two customers, and move money between them."""
    async with connect("memory://") as backend:
        app = backend.as_caller(LOCAL_OPERATOR)
        _, [purse] = await app.execute(
            RegisterCustomer(full_name="Aline Uwase", email="aline@example.com", phone_number="+250788000101")
        )
        _, [till] = await app.execute(
            RegisterCustomer(full_name="Bosco Mugabo", email="bosco@example.com", phone_number="+250788000102")
        )
        await app.execute(DepositFunds(wallet_id=purse.id, amount="10000", currency="RWF"), key="cash at the counter")

        lunch = TransferFunds(from_wallet_id=purse.id, to_wallet_id=till.id, amount="2500", currency="RWF")
        await app.execute(lunch, key="lunch")
        again = await app.submit(lunch, key="lunch")  # the response was lost, so the phone repeats the request
        print(f"lunch: {again.answer.request.amount} {again.answer.status}, replayed: {again.replayed}")

        try:
            car = TransferFunds(from_wallet_id=purse.id, to_wallet_id=till.id, amount="9000", currency="RWF")
            await app.execute(car, key="car")
        except InsufficientFunds as refused:
            print(f"car:   {car.amount} {car.currency} refused, {refused.code}")

        for name, wallet in (("Aline", purse), ("Bosco", till)):
            balance = await app.wallets.balance_at(wallet.id, None)
            print(f"{name}: {balance.ledger_balance} (entries: {balance.version})")


if __name__ == "__main__":
    asyncio.run(main())

"""Commands about wallets."""

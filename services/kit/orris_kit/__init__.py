"""What every Orris service needs: server, client, auth, config, logging, lifecycle, database."""

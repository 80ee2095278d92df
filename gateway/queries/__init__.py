"""The read side that commands and pages share: what the store holds, put into words and figures. It writes nothing."""

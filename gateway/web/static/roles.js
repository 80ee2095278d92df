// Who may see what and do what, as the API has it; it is the API that refuses.

export const READERS = ["ops", "compliance", "auditor", "admin"];
export const SEES = ["ops", "compliance", "auditor"];
export const REVEALS = ["compliance", "auditor"];
export const ORDERS = ["ops", "producer", "compliance"];

/** Whether somebody has one of these roles. */
export const has = (me, roles) => roles.some((role) => me.roles.includes(role));

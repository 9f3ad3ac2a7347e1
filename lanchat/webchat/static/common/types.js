/**
 * The types that the modules of the page share. There is no code here.
 *
 * @typedef {object} RoomEvent What happened in a room, as a row of its timeline.
 * @property {string} ev "joined", "left", "kicked", "banned", "topic", "invited", "rank", "mode", "renamed" or "closed".
 * @property {string} who To whom it was done, or else who did it.
 * @property {string} by Who did it; "" if that is not known.
 * @property {string} text The topic, the reason, the rank, the rule with its value, or the new name.
 *
 * @typedef {object} Message A row of a timeline. A row that changes is replaced by a new object.
 * @property {string} key Stays the same as long as the row is there.
 * @property {string} id The server's id; "" while the server has not acknowledged the message.
 * @property {number} seq Its number in the log; 0 if it is not stored (yet).
 * @property {string} conv The conversation: "#ops", "@bob" or "Everyone".
 * @property {string} from Who wrote it.
 * @property {string} text
 * @property {number} time In milliseconds since 1970.
 * @property {""|"action"|"notice"} kind
 * @property {boolean} bot No person wrote it.
 * @property {string} re The id of the message to which it replies, or "".
 * @property {boolean} mine
 * @property {number} edited When it was edited last, in milliseconds; 0 if never.
 * @property {boolean} withdrawn
 * @property {[string, string[]][]} reactions Each reaction with the names of those who chose it.
 * @property {boolean} mentionsMe
 * @property {"sent"|"sending"|"failed"|"unknown"} state "unknown": the connection was lost before the acknowledgement, and
 *     sending it again by itself could show it twice.
 * @property {string} error Why it failed, for people; otherwise "".
 * @property {string} snippet In a search: the text around the first word that was found; otherwise "".
 * @property {SharedFile|null} file The file that goes with the message. If nothing was said with it, `text` is its name.
 * @property {RoomEvent|null} event Not null: this is no message, but something that happened in the room.
 *
 * @typedef {object} SharedFile A file that goes with a message.
 * @property {string} name
 * @property {string} type The media type that the server has found in it.
 * @property {number} size In bytes.
 * @property {string} url Where it is on this server: a path with its query. "" if it can't be fetched.
 * @property {string} thumb Where a thumbnail of it is; "" if there is none.
 * @property {number} w The width of a picture in pixels, as its sender says; 0 if it is not known.
 * @property {number} h Its height.
 *
 * @typedef {object} Conversation A row of the list of conversations. A row that changes is replaced by a new object.
 * @property {string} conv "#ops", "@bob" or "Everyone".
 * @property {string} name The same without its mark.
 * @property {"room"|"person"|"everyone"} kind
 * @property {string} topic
 * @property {""|"voiced"|"operator"|"owner"} rank One's own rank in the room.
 * @property {boolean} private
 * @property {boolean} joined False for a room that one is not in (any more).
 * @property {number} seq The number of the last message in the log; 0 if there is none.
 * @property {number} time Of the last message, in milliseconds; 0 if there is none.
 * @property {number} read The number up to which the user has read it.
 * @property {number} unread
 * @property {boolean} unreadMore There are more unread messages than were counted.
 * @property {number} mentions
 * @property {boolean} muted
 *
 * @typedef {object} Person
 * @property {string} name
 * @property {boolean} online
 * @property {boolean|string} away True, or the text, if that is known.
 *
 * @typedef {object} Member Somebody in a room.
 * @property {string} name
 * @property {string} role "guest", "user", "moderator" or "operator".
 * @property {boolean} online
 * @property {string} rank "", "voiced", "operator" or "owner".
 * @property {boolean} away
 *
 * @typedef {object} Room A room as the list of all rooms shows it.
 * @property {string} name
 * @property {string} topic
 * @property {boolean} private
 * @property {number} online
 * @property {string} rank
 *
 * @typedef {object} Me
 * @property {string} name
 * @property {boolean} account
 * @property {string} away The text with which one is away; "" if one is not.
 * @property {string} role "guest", "user", "moderator" or "operator".
 *
 * @typedef {object} Command A row of the server's help.
 * @property {string} name
 * @property {string} usage
 * @property {string} help
 *
 * @typedef {object} Reason Why there is no connection, or why it ended.
 * @property {string} code A code of the protocol, or "" if there is none.
 * @property {string} text The server's sentence; it may be empty.
 *
 * @typedef {"start"|"connecting"|"login"|"online"|"offline"|"refused"|"closed"|"asleep"} Phase
 *
 * @typedef {object} ServerInfo `/server.json`.
 * @property {string} build The hash of all files of the page.
 * @property {number[]} https The ports where the page is to be had over https.
 * @property {boolean} plaintext Whether passwords are accepted over plain http.
 * @property {boolean} ca Whether there is a certificate to trust at /ca.pem.
 *
 * @typedef {{ [member: string]: any }} X The member `x` of a packet, whose members are checked by `readPacket`.
 *
 * @typedef {object} Packet A packet from the server.
 * @property {string} from
 * @property {string} to
 * @property {string} msg
 * @property {X} x Empty if there is none.
 * @property {Packet[]} [batch] The packets of the batch that this one ends.
 *
 * @typedef {object} Page A page of a conversation, the oldest message first.
 * @property {Message[]} messages
 * @property {boolean} more Whether there are more in the direction that was asked for.
 * @property {number} before The number in the log at which the rest begins.
 *
 * @typedef {object} Change Of a message that is in the log.
 * @property {"edit"|"withdraw"|"react"|"file"} op "file": there are other links to the file.
 * @property {string} id The message.
 * @property {string} from Who changed it.
 * @property {string} text The new text, or the reaction.
 * @property {number} time
 * @property {SharedFile|null} [file] With the new links.
 *
 * @typedef {object} Handlers Those who use a connection.
 * @property {(packet: Packet, resumed: boolean) => void} welcomed A connection is ready; `resumed`: what was missed comes now.
 * @property {(packet: Packet) => void} received A packet that is no answer to a request.
 * @property {(packet: Packet) => void} registered The name is an account from now on.
 * @property {(hasLog: boolean) => void} lost The connection has ended; `hasLog`: the server stores a log for us.
 * @property {() => void} renamed One has another name; "" after a logout.
 *
 * @typedef {object} Found What a search found, the newest first.
 * @property {Message[]} messages
 * @property {boolean} more
 * @property {number} before Where to go on: the second argument of the next `search`.
 */

export {};

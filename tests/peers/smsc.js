// An SMSC on the npm package `smpp`, for tests: takes submits, sends receipts, throttles once, and tells what it took.
// node smsc.js PORT LOG: every accepted submit is one line of JSON in LOG, written before it is answered.
const fs = require('fs');
const smpp = require('smpp');

const [port, log] = [Number(process.argv[2]), process.argv[3]];
let number = Date.now() % 100000;
let throttled = false;

smpp.createServer((session) => {
  session.on('error', () => session.destroy());
  session.on('bind_transceiver', (pdu) => {
    const good = pdu.system_id === 'bank' && pdu.password === 'secret';
    session.send(pdu.response({ command_status: good ? smpp.ESME_ROK : smpp.ESME_RINVPASWD }));
    if (!good) session.close();
  });
  session.on('enquire_link', (pdu) => session.send(pdu.response()));
  session.on('unbind', (pdu) => { session.send(pdu.response()); session.close(); });
  session.on('submit_sm', (pdu) => {
    const text = pdu.short_message.message;
    if (text === 'throttle me' && !throttled) {
      throttled = true;
      session.send(pdu.response({ command_status: smpp.ESME_RTHROTTLED }));
      return;
    }
    const id = String(++number);
    fs.appendFileSync(log, JSON.stringify({
      to: pdu.destination_addr, text, id, coding: pdu.data_coding, udh: !!pdu.short_message.udh,
    }) + '\n');
    session.send(pdu.response({ message_id: id }));
    if (pdu.registered_delivery & 1) {
      session.deliver_sm({
        source_addr: pdu.destination_addr, destination_addr: pdu.source_addr, esm_class: 4,
        short_message: `id:${id} sub:001 dlvrd:001 submit date:2611231200 done date:2611231200 stat:DELIVRD err:000`,
      });
    }
  });
}).listen(port, '127.0.0.1');

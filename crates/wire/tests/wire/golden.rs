//! Bytes that this protocol version has always meant. If one of these tests fails, nodes of
//! different builds no longer understand each other: change the code, not the constant.

use headcount_wire::{DatagramBuilder, decode_datagram, decode_frame, encode_frame};

use crate::round_trip::unprefixed;
use crate::samples::{self, CLUSTER};

#[test]
fn datagrams_keep_their_bytes() {
    for ((name, body), golden) in samples::bodies().into_iter().zip(DATAGRAMS) {
        let builder = DatagramBuilder::new(CLUSTER, 512, &samples::heartbeat(), &body);
        assert_eq!(hex(&builder.finish()), golden, "{name}");
        let datagram = decode_datagram(CLUSTER, &bytes(golden)).unwrap();
        assert_eq!((datagram.heartbeat, datagram.body), (samples::heartbeat(), body), "{name}");
    }
}

#[test]
fn frames_keep_their_bytes() {
    for ((name, frame), golden) in samples::frames().into_iter().zip(FRAMES) {
        assert_eq!(hex(&encode_frame(CLUSTER, &frame)), golden, "{name}");
        let golden = bytes(golden);
        assert_eq!(decode_frame(CLUSTER, unprefixed(&golden)), Ok(frame), "{name}");
    }
}

#[test]
fn a_datagram_with_records_keeps_its_bytes() {
    assert_eq!(hex(&samples::rich_datagram()), RICH);
    let datagram = decode_datagram(CLUSTER, &bytes(RICH)).unwrap();
    let records = [samples::record(7), samples::suspicion(), samples::full_record()];
    assert_eq!(datagram.updates, records);
}

#[test]
fn a_datagram_with_a_clock_and_evidence_keeps_its_bytes() {
    assert_eq!(hex(&samples::accusing_datagram()), ACCUSING);
    let datagram = decode_datagram(CLUSTER, &bytes(ACCUSING)).unwrap();
    assert_eq!(datagram.heartbeat, samples::clocked(samples::idle_heartbeat()));
    assert_eq!(datagram.updates, [samples::failure()]);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks_exact(2);
    digits.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

const DATAGRAMS: [&str; 11] = [
    "\
     4801efcdab89674523011c5ea9930a2b092cf46c1f933a5303158c2d26d8189f8d0625bbbbaaaa29\
     080706050403020135addeadde3880a305402a120a0d0d0c0b0a154f7937cf\
     ",
    "\
     4801efcdab896745230190677a040a2b092cf46c1f933a5303158c2d26d8189f8d0625bbbbaaaa29\
     080706050403020135addeadde3880a305402a1a170d0d0c0b0a120e09b5c68cccd300c7a5154f79\
     37cf1801\
     ",
    "\
     4801efcdab8967452301dfa2aa840a2b092cf46c1f933a5303158c2d26d8189f8d0625bbbbaaaa29\
     080706050403020135addeadde3880a305402a22170d0d0c0b0a120e09b5c68cccd300c7a5154f79\
     37cf1801\
     ",
    "\
     4801efcdab8967452301bd7a3ef40a2b092cf46c1f933a5303158c2d26d8189f8d0625bbbbaaaa29\
     080706050403020135addeadde3880a305402a2a050d0d0c0b0a\
     ",
    "\
     4801efcdab8967452301842210890a2b092cf46c1f933a5303158c2d26d8189f8d0625bbbbaaaa29\
     080706050403020135addeadde3880a305402a32060a0408011001\
     ",
    "\
     4801efcdab8967452301bfe005a80a2b092cf46c1f933a5303158c2d26d8189f8d0625bbbbaaaa29\
     080706050403020135addeadde3880a305402a3a1f080310ac021a180506070800000000000a0b0c\
     0506070801000000010a0b0c\
     ",
    "\
     4801efcdab8967452301805579990a2b092cf46c1f933a5303158c2d26d8189f8d0625bbbbaaaa29\
     080706050403020135addeadde3880a305402a4205080510ac02\
     ",
    "\
     4801efcdab8967452301ace2884b0a2b092cf46c1f933a5303158c2d26d8189f8d0625bbbbaaaa29\
     080706050403020135addeadde3880a305402a4a0a0a081413121101000000\
     ",
    "\
     4801efcdab8967452301356da9040a2b092cf46c1f933a5303158c2d26d8189f8d0625bbbbaaaa29\
     080706050403020135addeadde3880a305402a5200\
     ",
    "\
     4801efcdab8967452301e0a7390a0a2b092cf46c1f933a5303158c2d26d8189f8d0625bbbbaaaa29\
     080706050403020135addeadde3880a305402a5a1c0d0d0c0b0a120e09b5c68cccd300c7a5154f79\
     37cf18dc0b20012801\
     ",
    "\
     4801efcdab89674523010991c0fd0a2b092cf46c1f933a5303158c2d26d8189f8d0625bbbbaaaa29\
     080706050403020135addeadde3880a305402a620c0d0d0c0b0a100218880e2001\
     ",
];

const FRAMES: [&str; 5] = [
    "\
     000000834801efcdab8967452301fb1e82b10a2b092cf46c1f933a5303158c2d26d8189f8d0625bb\
     bbaaaa29080706050403020135addeadde3880a305402a1246080110011801223e10879483b99734\
     190700333322221111200238dc0b4a270a086f72646572732d3712080d0700000a188a3e1801320b\
     0a04726f6c65120361706938014001\
     ",
    "\
     000000904801efcdab8967452301bc7e0b010a2b092cf46c1f933a5303158c2d26d8189f8d0625bb\
     bbaaaa29080706050403020135addeadde3880a305402a1a130802120f38206a6f696e7320617420\
     6f6e63657a3e10829483b99734190200333322221111200238dc0b4a270a086f72646572732d3212\
     080d0200000a188a3e1801320b0a04726f6c65120361706938014001\
     ",
    "\
     000001064801efcdab8967452301aae6b4490a2b092cf46c1f933a5303158c2d26d8189f8d0625bb\
     bbaaaa29080706050403020135addeadde3880a305402a7a990110889483b9973419080033332222\
     11112004280231060033332222111138dc0b41e4bc1f968fc17cfd4a6e0a086f72646572732d3812\
     15121020010db8000000000000000000000008188a3e18ac0220022a0a65752d776573742d316132\
     070a05656d707479320b0a04726f6c6512036170693801400348859483b997345105003333222211\
     115a10fccb19947f69123f4a47be498b9289bc7a29091dbad8c424e0439b10899483b99734190900\
     3333222211112003280138fa0141e4bc1f968fc17cfd22020801\
     ",
    "\
     000000474801efcdab8967452301d31800600a2b092cf46c1f933a5303158c2d26d8189f8d0625bb\
     bbaaaa29080706050403020135addeadde3880a305402a2a0a0d0d0c0b0a154f7937cf\
     ",
    "\
     000000444801efcdab8967452301a9c1d3aa0a2b092cf46c1f933a5303158c2d26d8189f8d0625bb\
     bbaaaa29080706050403020135addeadde3880a305402a32070d0d0c0b0a1801\
     ",
];

const RICH: &str = "\
     4801efcdab8967452301a677fbc80a2b092cf46c1f933a5303158c2d26d8189f8d0625bbbbaaaa29\
     080706050403020135addeadde3880a305402a32060a04080110017a3e10879483b9973419070033\
     3322221111200238dc0b4a270a086f72646572732d3712080d0700000a188a3e1801320b0a04726f\
     6c651203617069380140017a29091dbad8c424e0439b10899483b997341909003333222211112003\
     280138fa0141e4bc1f968fc17cfd7a990110889483b9973419080033332222111120042802310600\
     33332222111138dc0b41e4bc1f968fc17cfd4a6e0a086f72646572732d381215121020010db80000\
     00000000000000000008188a3e18ac0220022a0a65752d776573742d316132070a05656d70747932\
     0b0a04726f6c6512036170693801400348859483b997345105003333222211115a10fccb19947f69\
     123f4a47be498b9289bc\
     ";

const ACCUSING: &str = "\
     4801efcdab8967452301ded3edaf0a23092cf46c1f933a5303158c2d26d8189f8d0625bbbbaaaa29\
     080706050403020148b96052007a3c091dbad8c424e0439b10899483b99734190900333322221111\
     2003280238fa0141e4bc1f968fc17cfd500258880e620c8fc17cfdd300c7a5bd77f34b\
     ";

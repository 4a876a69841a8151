/// The text of `grpc-message` (PROTOCOL-HTTP2, "Percent-Encoded"): UTF-8, where every byte outside
/// of printable ASCII, and `%` itself, is `%` and two hexadecimal digits.
public enum PercentEncoding {
  /// The encoded form of any text. A space at either end is encoded too, since HTTP strips it
  /// (RFC 9113 §8.2.1).
  public static func encode(_ text: String) -> String {
    let bytes = Array(text.utf8)
    var out: [UInt8] = []
    out.reserveCapacity(bytes.count)
    for (index, byte) in bytes.enumerated() {
      let isEdgeSpace = byte == 0x20 && (index == 0 || index == bytes.count - 1)
      if (0x20...0x7e).contains(byte), byte != UInt8(ascii: "%"), !isEdgeSpace {
        out.append(byte)
      } else {
        out.append(UInt8(ascii: "%"))
        out.append(hexadecimal[Int(byte >> 4)])
        out.append(hexadecimal[Int(byte & 0xf)])
      }
    }
    return String(decoding: out, as: UTF8.self)
  }

  /// The text of any encoded form. Never fails, since a status must not be lost to its message:
  /// what is not a valid escape stays as it is, what is not UTF-8 becomes U+FFFD.
  public static func decode(_ encoded: String) -> String {
    let bytes = Array(encoded.utf8)
    guard bytes.contains(UInt8(ascii: "%")) else { return encoded }
    var out: [UInt8] = []
    out.reserveCapacity(bytes.count)
    var index = 0
    while index < bytes.count {
      if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count,
        let high = digit(bytes[index + 1]), let low = digit(bytes[index + 2])
      {
        out.append(high << 4 | low)
        index += 3
      } else {
        out.append(bytes[index])
        index += 1
      }
    }
    return String(decoding: out, as: UTF8.self)
  }

  private static let hexadecimal = Array("0123456789ABCDEF".utf8)

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    default: nil
    }
  }
}

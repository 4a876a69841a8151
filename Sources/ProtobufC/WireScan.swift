import CProtobufC

/// Checks bytes from outside for what protobuf-c does not: that strings are UTF-8 without U+0000, that messages are
/// not nested too deep for its recursion, that lengths stay within what is there, that each field has its wire type.
///
/// A singular message field that comes twice is refused: protobuf's rule is to merge the two, which protobuf-c 1.4 does
/// for some of their fields only. No encoder writes that.
///
/// Reads the encoding once, by the message's descriptor, and keeps nothing. Source: protobuf's encoding,
/// protobuf.dev/programming-guides/encoding.
struct WireScan {
  let bytes: UnsafeBufferPointer<UInt8>
  let maximumDepth: Int

  /// Checks the message that these bytes hold. `depth`: how many messages stand around it, and itself.
  func checkMessage(
    _ range: Range<Int>, _ descriptor: UnsafePointer<ProtobufCMessageDescriptor>, depth: Int
  ) throws(ProtobufError) {
    guard depth <= maximumDepth else {
      throw ProtobufError(
        .tooDeep, "Messages are nested more than \(maximumDepth) deep.")
    }
    var position = range.lowerBound
    var single = FieldSet()
    while position < range.upperBound {
      let tag = try readVarint(&position, range.upperBound, descriptor)
      let number = UInt32(truncatingIfNeeded: tag >> 3)
      guard tag >> 3 == UInt64(number), (1...0x1FFF_FFFF).contains(number) else {
        throw malformed(descriptor, "a field number out of range")
      }
      let field = protobuf_c_message_descriptor_get_field(descriptor, number)
      if let field, !accepts(field, wireType: tag & 7) {
        throw malformed(descriptor, "\(name(field.pointee.name)) has another wire type")
      }
      switch tag & 7 {
      case 0: _ = try readVarint(&position, range.upperBound, descriptor)
      case 1: try skip(8, &position, range.upperBound, descriptor)
      case 5: try skip(4, &position, range.upperBound, descriptor)
      case 2:
        let length = try readVarint(&position, range.upperBound, descriptor)
        guard length <= UInt64(range.upperBound - position) else {
          throw malformed(descriptor, "a length past the end")
        }
        let content = position..<position + Int(length)
        position = content.upperBound
        guard let field else { continue }
        if field.pointee.type == PROTOBUF_C_TYPE_MESSAGE,
          field.pointee.label != PROTOBUF_C_LABEL_REPEATED,
          !single.insert(field - descriptor.pointee.fields)
        {
          throw malformed(descriptor, "\(name(field.pointee.name)) comes twice")
        }
        try checkContent(content, field, of: descriptor, depth: depth)
      default: throw malformed(descriptor, "an unknown wire type")
      }
    }
  }

  /// Whether a field may stand on the wire in this form. protobuf-c does not ask for some types.
  private func accepts(_ field: UnsafePointer<ProtobufCFieldDescriptor>, wireType: UInt64) -> Bool {
    let own: UInt64
    switch field.pointee.type {
    case PROTOBUF_C_TYPE_STRING, PROTOBUF_C_TYPE_BYTES, PROTOBUF_C_TYPE_MESSAGE:
      return wireType == 2
    case PROTOBUF_C_TYPE_FIXED64, PROTOBUF_C_TYPE_SFIXED64, PROTOBUF_C_TYPE_DOUBLE: own = 1
    case PROTOBUF_C_TYPE_FIXED32, PROTOBUF_C_TYPE_SFIXED32, PROTOBUF_C_TYPE_FLOAT: own = 5
    default: own = 0
    }
    // Numbers of a repeated field may be packed, whatever the proto file says.
    return wireType == own || (wireType == 2 && field.pointee.label == PROTOBUF_C_LABEL_REPEATED)
  }

  private func checkContent(
    _ content: Range<Int>, _ field: UnsafePointer<ProtobufCFieldDescriptor>,
    of descriptor: UnsafePointer<ProtobufCMessageDescriptor>, depth: Int
  ) throws(ProtobufError) {
    switch field.pointee.type {
    case PROTOBUF_C_TYPE_STRING:
      let text = UnsafeBufferPointer(rebasing: bytes[content])
      guard isUTF8(text) else {
        throw ProtobufError(.invalidUTF8, "\(path(descriptor, field)) is not UTF-8.")
      }
      guard !text.contains(0) else {
        throw ProtobufError(.embeddedNUL, "\(path(descriptor, field)) holds U+0000.")
      }
    case PROTOBUF_C_TYPE_MESSAGE:
      guard let inner = field.pointee.descriptor else { return }
      try checkMessage(
        content, inner.assumingMemoryBound(to: ProtobufCMessageDescriptor.self), depth: depth + 1)
    default: break
    }
  }

  private func readVarint(
    _ position: inout Int, _ end: Int, _ descriptor: UnsafePointer<ProtobufCMessageDescriptor>
  ) throws(ProtobufError) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while position < end, shift < 70 {
      let byte = bytes[position]
      position += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
    throw malformed(descriptor, shift < 70 ? "cut short" : "a number of more than ten bytes")
  }

  private func skip(
    _ count: Int, _ position: inout Int, _ end: Int,
    _ descriptor: UnsafePointer<ProtobufCMessageDescriptor>
  ) throws(ProtobufError) {
    guard end - position >= count else { throw malformed(descriptor, "cut short") }
    position += count
  }
}

/// Fields of one message, by their place in its descriptor.
private struct FieldSet {
  private var first: UInt64 = 0
  private var others: Set<Int> = []

  /// False: it was in the set.
  mutating func insert(_ index: Int) -> Bool {
    guard index < 64 else { return others.insert(index).inserted }
    let bit: UInt64 = 1 << UInt64(index)
    defer { first |= bit }
    return first & bit == 0
  }
}

private func isUTF8(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
  do {
    _ = try UTF8Span(validating: text.span)
    return true
  } catch {
    return false
  }
}

private func malformed(
  _ descriptor: UnsafePointer<ProtobufCMessageDescriptor>, _ what: String
) -> ProtobufError {
  ProtobufError(.malformed, "\(name(descriptor.pointee.name)) is malformed: \(what).")
}

private func path(
  _ descriptor: UnsafePointer<ProtobufCMessageDescriptor>,
  _ field: UnsafePointer<ProtobufCFieldDescriptor>
) -> String {
  name(descriptor.pointee.name) + "." + name(field.pointee.name)
}

private func name(_ text: UnsafePointer<CChar>?) -> String {
  text.map { String(cString: $0) } ?? ""
}

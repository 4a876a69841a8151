import CProtobufC

/// Writes a protobuf-c struct in protobuf's JSON mapping (protobuf.dev, "ProtoJSON Format").
///
/// Scalar fields are written also where they hold their default, so that a script finds every field that the
/// schema names; absent messages and oneof members are left out. 64-bit integers are strings, enumerations are
/// their names (numbers where unknown), timestamps RFC 3339, durations seconds with an `s`; maps are objects, their
/// keys strings.
struct JSONText {
  private(set) var text = ""
  /// The full names of the messages that are entries of maps, since protobuf-c keeps no mark of them.
  private let mapEntries: Set<String>

  init(mapEntries: Set<String>) {
    self.mapEntries = mapEntries
  }

  /// Appends one message. Its depth is that of a Swift value that was encoded, so it needs no limit.
  mutating func write(_ message: UnsafePointer<ProtobufCMessage>) {
    let descriptor = message.pointee.descriptor.pointee
    let base = UnsafeRawPointer(message)
    switch descriptor.name.map({ String(cString: $0) }) {
    case "google.protobuf.Timestamp"?: return writeTimestamp(base, descriptor)
    case "google.protobuf.Duration"?: return writeDuration(base, descriptor)
    default: break
    }
    text += "{"
    var isFirst = true
    for field in UnsafeBufferPointer(start: descriptor.fields, count: Int(descriptor.n_fields))
    where isPresent(field, base) {
      if !isFirst { text += "," }
      isFirst = false
      writeString(Self.jsonName(field.name.map { String(cString: $0) } ?? ""))
      text += ":"
      writeField(field, base)
    }
    text += "}"
  }

  private func isPresent(_ field: ProtobufCFieldDescriptor, _ base: UnsafeRawPointer) -> Bool {
    if field.flags & PROTOBUF_C_FIELD_FLAG_ONEOF.rawValue != 0 {
      return base.loadUnaligned(fromByteOffset: Int(field.quantifier_offset), as: UInt32.self)
        == field.id
    }
    guard field.type == PROTOBUF_C_TYPE_MESSAGE, field.label != PROTOBUF_C_LABEL_REPEATED else {
      return true
    }
    return base.load(fromByteOffset: Int(field.offset), as: UnsafeRawPointer?.self) != nil
  }

  private mutating func writeField(_ field: ProtobufCFieldDescriptor, _ base: UnsafeRawPointer) {
    let place = base + Int(field.offset)
    guard field.label == PROTOBUF_C_LABEL_REPEATED else { return writeValue(field, place) }
    let count = base.load(fromByteOffset: Int(field.quantifier_offset), as: Int.self)
    let elements = place.load(as: UnsafeRawPointer?.self)
    let isMap = isMap(field)
    text += isMap ? "{" : "["
    for index in 0..<(elements == nil ? 0 : count) {
      if index > 0 { text += "," }
      guard let elements else { break }
      let element = elements + index * Self.size(of: field.type)
      if isMap {
        writeEntry(element)
      } else {
        writeValue(field, element)
      }
    }
    text += isMap ? "}" : "]"
  }

  private func isMap(_ field: ProtobufCFieldDescriptor) -> Bool {
    guard !mapEntries.isEmpty, field.type == PROTOBUF_C_TYPE_MESSAGE,
      let name = field.descriptor?.assumingMemoryBound(to: ProtobufCMessageDescriptor.self)
        .pointee.name
    else { return false }
    return mapEntries.contains(String(cString: name))
  }

  /// A map's entry: the fields 1 and 2 of its message.
  private mutating func writeEntry(_ place: UnsafeRawPointer) {
    guard let entry = place.load(as: UnsafePointer<ProtobufCMessage>?.self) else { return }
    let descriptor = entry.pointee.descriptor.pointee
    let (base, key, value) = (UnsafeRawPointer(entry), descriptor.fields[0], descriptor.fields[1])
    var keyText = JSONText(mapEntries: [])
    keyText.writeValue(key, base + Int(key.offset))
    text += keyText.text.hasPrefix("\"") ? keyText.text : "\"\(keyText.text)\""
    text += ":"
    writeValue(value, base + Int(value.offset))
  }

  private mutating func writeValue(_ field: ProtobufCFieldDescriptor, _ place: UnsafeRawPointer) {
    switch field.type {
    case PROTOBUF_C_TYPE_INT32, PROTOBUF_C_TYPE_SINT32, PROTOBUF_C_TYPE_SFIXED32:
      text += "\(place.load(as: Int32.self))"
    case PROTOBUF_C_TYPE_UINT32, PROTOBUF_C_TYPE_FIXED32: text += "\(place.load(as: UInt32.self))"
    case PROTOBUF_C_TYPE_INT64, PROTOBUF_C_TYPE_SINT64, PROTOBUF_C_TYPE_SFIXED64:
      text += "\"\(place.load(as: Int64.self))\""
    case PROTOBUF_C_TYPE_UINT64, PROTOBUF_C_TYPE_FIXED64:
      text += "\"\(place.load(as: UInt64.self))\""
    case PROTOBUF_C_TYPE_FLOAT: writeNumber(Double(place.load(as: Float.self)))
    case PROTOBUF_C_TYPE_DOUBLE: writeNumber(place.load(as: Double.self))
    case PROTOBUF_C_TYPE_BOOL: text += place.load(as: Int32.self) != 0 ? "true" : "false"
    case PROTOBUF_C_TYPE_ENUM: writeEnum(field, place.load(as: Int32.self))
    case PROTOBUF_C_TYPE_STRING:
      writeString(CReading.string(place.load(as: UnsafePointer<CChar>?.self)))
    case PROTOBUF_C_TYPE_BYTES:
      text += "\"" + Self.base64(CReading.bytes(place.load(as: ProtobufCBinaryData.self))) + "\""
    case PROTOBUF_C_TYPE_MESSAGE:
      if let message = place.load(as: UnsafePointer<ProtobufCMessage>?.self) { write(message) }
    default: text += "null"
    }
  }

  private mutating func writeEnum(_ field: ProtobufCFieldDescriptor, _ value: Int32) {
    if let descriptor = field.descriptor?.assumingMemoryBound(to: ProtobufCEnumDescriptor.self),
      let named = protobuf_c_enum_descriptor_get_value(descriptor, value),
      let name = named.pointee.name
    {
      writeString(String(cString: name))
    } else {
      text += "\(value)"
    }
  }

  /// JSON has no word for what is not a number.
  private mutating func writeNumber(_ value: Double) {
    text +=
      value.isFinite
      ? "\(value)" : value.isNaN ? "\"NaN\"" : value < 0 ? "\"-Infinity\"" : "\"Infinity\""
  }

  private mutating func writeString(_ value: String) {
    text += "\""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case _ where scalar.value < 0x20 || scalar.value == 0x7F:
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }

  private mutating func writeTimestamp(
    _ base: UnsafeRawPointer, _ descriptor: ProtobufCMessageDescriptor
  ) {
    let (seconds, nanos) = Self.parts(base, descriptor)
    writeString(CivilTime(secondsSinceEpoch: seconds).text + Self.fraction(nanos) + "Z")
  }

  private mutating func writeDuration(
    _ base: UnsafeRawPointer, _ descriptor: ProtobufCMessageDescriptor
  ) {
    let (seconds, nanos) = Self.parts(base, descriptor)
    let sign = seconds < 0 || nanos < 0 ? "-" : ""
    writeString(sign + "\(seconds.magnitude)" + Self.fraction(nanos) + "s")
  }

  /// The fields 1 and 2 of a Timestamp or a Duration.
  private static func parts(_ base: UnsafeRawPointer, _ descriptor: ProtobufCMessageDescriptor)
    -> (Int64, Int32)
  {
    let fields = UnsafeBufferPointer(start: descriptor.fields, count: Int(descriptor.n_fields))
    guard fields.count == 2 else { return (0, 0) }
    return (
      base.load(fromByteOffset: Int(fields[0].offset), as: Int64.self),
      base.load(fromByteOffset: Int(fields[1].offset), as: Int32.self)
    )
  }

  /// `.25` for 250,000,000 ns; nothing for none.
  private static func fraction(_ nanos: Int32) -> String {
    guard nanos != 0 else { return "" }
    var digits = String(nanos.magnitude)
    digits = String(repeating: "0", count: max(0, 9 - digits.count)) + digits
    while digits.hasSuffix("0") { digits.removeLast() }
    return "." + digits
  }

  /// `create_time` → `createTime`.
  private static func jsonName(_ name: String) -> String {
    var result = ""
    var isUpper = false
    for character in name {
      if character == "_" {
        isUpper = true
      } else {
        result += isUpper ? character.uppercased() : String(character)
        isUpper = false
      }
    }
    return result
  }

  private static func size(of type: ProtobufCType) -> Int {
    switch type {
    case PROTOBUF_C_TYPE_INT64, PROTOBUF_C_TYPE_SINT64, PROTOBUF_C_TYPE_SFIXED64,
      PROTOBUF_C_TYPE_UINT64, PROTOBUF_C_TYPE_FIXED64, PROTOBUF_C_TYPE_DOUBLE,
      PROTOBUF_C_TYPE_STRING, PROTOBUF_C_TYPE_MESSAGE:
      8
    case PROTOBUF_C_TYPE_BYTES: MemoryLayout<ProtobufCBinaryData>.stride
    default: 4
    }
  }

  private static func base64(_ bytes: [UInt8]) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var output: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let group = bytes[start..<min(start + 3, bytes.count)]
      let bits = group.enumerated().reduce(UInt32(0)) {
        $0 | UInt32($1.element) << (16 - 8 * $1.offset)
      }
      for index in 0..<4 {
        let isPadding = index > group.count
        output.append(isPadding ? UInt8(ascii: "=") : alphabet[Int(bits >> (18 - 6 * index) & 63)])
      }
    }
    return String(decoding: output, as: UTF8.self)
  }
}

/// A date and time of day in UTC, in the proleptic Gregorian calendar.
private struct CivilTime {
  let text: String

  init(secondsSinceEpoch: Int64) {
    // google.protobuf.Timestamp holds the years 1 to 9999; the arithmetic below must not overflow beyond.
    let seconds = min(max(secondsSinceEpoch, -62_135_596_800), 253_402_300_799)
    let second = (seconds % 86_400 + 86_400) % 86_400
    // Eras of 400 years that begin on 1 March of year 0: no day number here is negative.
    let day = (seconds - second) / 86_400 + 719_468
    let dayOfEra = day % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let month = (5 * dayOfYear + 2) / 153
    let monthOfYear = month < 10 ? month + 3 : month - 9
    let year = day / 146_097 * 400 + yearOfEra + (monthOfYear <= 2 ? 1 : 0)
    func pad(_ value: Int64, _ width: Int) -> String {
      let digits = String(value)
      return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
    text =
      "\(pad(year, 4))-\(pad(monthOfYear, 2))-\(pad(dayOfYear - (153 * month + 2) / 5 + 1, 2))T"
      + "\(pad(second / 3600, 2)):\(pad(second / 60 % 60, 2)):\(pad(second % 60, 2))"
  }
}
